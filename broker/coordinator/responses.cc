#include "broker/coordinator/responses.h"

namespace dohle::coordinator {
namespace {

using kafka::ErrorCode;

// Consumers before 3.9 don't know COORDINATOR_NOT_AVAILABLE as an answer to OffsetFetch; NOT_COORDINATOR
// makes them look for the coordinator again.
ErrorCode ToFetchError(ErrorCode append_error) {
  const ErrorCode error = ToGroupError(append_error);
  return error == ErrorCode::kCoordinatorNotAvailable ? ErrorCode::kNotCoordinator : error;
}

struct ErrorMaker {
  ErrorCode append_error;
  ErrorCode error;

  void operator()(kafka::JoinGroupResponse& response) const {
    response = {};
    response.error_code = Code(error);
  }
  void operator()(kafka::SyncGroupResponse& response) const { response = SyncError(error); }
  void operator()(kafka::HeartbeatResponse& response) const { response.error_code = Code(error); }
  void operator()(kafka::LeaveGroupResponse& response) const {
    response.members.clear();
    response.error_code = Code(error);
  }
  void operator()(kafka::OffsetCommitResponse& response) const {
    for (auto& topic : response.topics) {
      for (auto& partition : topic.partitions) partition.error_code = Code(error);
    }
  }
  void operator()(FetchedGroup& group) const {
    group.topics.clear();
    group.error_code = Code(ToFetchError(append_error));
  }
  void operator()(kafka::OffsetDeleteResponse& response) const {
    response.topics.clear();
    response.error_code = Code(error);
  }
  void operator()(kafka::DeleteGroupsResponse& response) const {
    for (auto& result : response.results) result.error_code = Code(error);
  }
};

}  // namespace

ErrorCode ToGroupError(ErrorCode append_error) {
  switch (append_error) {
    case ErrorCode::kUnknownTopicOrPartition:
    case ErrorCode::kNotEnoughReplicas:
    case ErrorCode::kRequestTimedOut:
      return ErrorCode::kCoordinatorNotAvailable;
    case ErrorCode::kNotLeaderOrFollower:
    case ErrorCode::kKafkaStorageError:
      return ErrorCode::kNotCoordinator;
    case ErrorCode::kMessageTooLarge:
    case ErrorCode::kRecordListTooLarge:
    case ErrorCode::kInvalidFetchSize:
      return ErrorCode::kUnknownServerError;
    default:
      return append_error;
  }
}

kafka::JoinGroupResponse JoinError(std::string_view member_id, ErrorCode error) {
  kafka::JoinGroupResponse response;
  response.member_id = Own(member_id);
  response.error_code = Code(error);
  return response;
}

kafka::SyncGroupResponse SyncError(ErrorCode error) {
  kafka::SyncGroupResponse response;
  response.error_code = Code(error);
  return response;
}

void MakeError(Response& response, ErrorCode append_error) {
  std::visit(ErrorMaker{append_error, ToGroupError(append_error)}, response);
}

}  // namespace dohle::coordinator
