// Answers, and what errors look like in each of them.
#pragma once

#include <variant>

#include "broker/coordinator/group.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/messages/delete_groups_response.h"
#include "lib/kafka/messages/heartbeat_response.h"
#include "lib/kafka/messages/join_group_response.h"
#include "lib/kafka/messages/leave_group_response.h"
#include "lib/kafka/messages/offset_commit_response.h"
#include "lib/kafka/messages/offset_delete_response.h"
#include "lib/kafka/messages/offset_fetch_response.h"
#include "lib/kafka/messages/sync_group_response.h"

namespace dohle::coordinator {

using FetchedGroup = kafka::OffsetFetchResponse::OffsetFetchResponseGroup;

using Response = std::variant<kafka::JoinGroupResponse, kafka::SyncGroupResponse, kafka::HeartbeatResponse,
                              kafka::LeaveGroupResponse, kafka::OffsetCommitResponse, FetchedGroup,
                              kafka::OffsetDeleteResponse, kafka::DeleteGroupsResponse>;

// Responses own their texts.
struct Reply {
  RequestId request = 0;
  Response response;
};

inline int16_t Code(kafka::ErrorCode error) { return static_cast<int16_t>(error); }
inline kafka::Text Own(std::string_view text) { return kafka::Text::Copy(text); }
inline std::optional<kafka::Text> OwnOptional(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  return kafka::Text::Copy(*text);
}

// What members are told when a write failed with `append_error` (Kafka's
// appendGroupMetadataErrorToResponseError and handleOperationException, which agree).
kafka::ErrorCode ToGroupError(kafka::ErrorCode append_error);

kafka::JoinGroupResponse JoinError(std::string_view member_id, kafka::ErrorCode error);
kafka::SyncGroupResponse SyncError(kafka::ErrorCode error);

// Turns an answer that was ready into the one that says that the operation failed instead. `error` as from
// ToGroupError, but for OffsetFetch, which has its own way: pass what the write failed with.
void MakeError(Response& response, kafka::ErrorCode append_error);

}  // namespace dohle::coordinator
