#include "broker/controller/api_error.h"

namespace dohle::controller {
namespace {

// org.apache.kafka.common.protocol.Errors of 4.3.1, those that the controller answers without a text of its
// own.
std::string_view StandardMessage(ErrorCode error) {
  switch (error) {
    case ErrorCode::kUnknownTopicOrPartition:
      return "This server does not host this topic-partition.";
    case ErrorCode::kUnknownTopicId:
      return "This server does not host this topic ID.";
    case ErrorCode::kPreferredLeaderNotAvailable:
      return "The preferred leader was not available.";
    case ErrorCode::kEligibleLeadersNotAvailable:
      return "Eligible topic partition leaders are not available.";
    case ErrorCode::kElectionNotNeeded:
      return "Leader election not needed for topic partition.";
    default:
      return "";
  }
}

}  // namespace

ApiError::ApiError(ErrorCode error) : code(error) {
  if (const std::string_view standard = StandardMessage(error); !standard.empty()) message = standard;
}

}  // namespace dohle::controller
