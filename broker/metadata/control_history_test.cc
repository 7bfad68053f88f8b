#include "broker/metadata/control_history.h"

#include <gtest/gtest.h>

namespace dohle::metadata {
namespace {

ControlState Voters(int count) {
  ControlState state;
  state.kraft_version = 1;
  for (int i = 0; i < count; ++i) state.voters.voters.push_back({{NodeId(i), {}}, {}, 0, 1});
  return state;
}

TEST(ControlHistory, SaysWhatHeldAtEachPlaceOfTheLog) {
  ControlHistory history;
  history.Reset(Voters(1));
  history.Add(Offset(10), Voters(2));
  history.Add(Offset(20), Voters(3));
  EXPECT_EQ(history.Latest(), Voters(3));
  EXPECT_EQ(history.latest_offset(), Offset(20));
  EXPECT_EQ(history.At(Offset(0)), Voters(1));
  EXPECT_EQ(history.At(Offset(10)), Voters(1)) << "the end is exclusive";
  EXPECT_EQ(history.At(Offset(11)), Voters(2));
  EXPECT_EQ(history.At(Offset(21)), Voters(3));

  EXPECT_FALSE(history.TruncateTo(Offset(21)));
  EXPECT_TRUE(history.TruncateTo(Offset(20)));
  EXPECT_EQ(history.Latest(), Voters(2));
  history.ForgetBelow(Offset(15));
  EXPECT_EQ(history.At(Offset(5)), Voters(2)) << "older ones are forgotten";
  EXPECT_FALSE(history.TruncateTo(Offset(0))) << "what holds below isn't of this log";
}

}  // namespace
}  // namespace dohle::metadata
