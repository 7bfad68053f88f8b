#include "operator/k8s/request_path.h"

#include <gtest/gtest.h>

namespace dohle::k8s {
namespace {

TEST(RequestPathTest, KnowsGroupsNamespacesAndSubresources) {
  EXPECT_EQ(CollectionPath(kPods, ""), "/api/v1/pods");
  EXPECT_EQ(CollectionPath(kPods, "n"), "/api/v1/namespaces/n/pods");
  EXPECT_EQ(CollectionPath(kTopics, "n"), "/apis/dohle.dev/v1alpha1/namespaces/n/topics");
  EXPECT_EQ(*ObjectPath(kNodes, {"", "x"}), "/api/v1/nodes/x");
  EXPECT_EQ(*ObjectPath(kClusters, {"n", "c"}, Subresource::kScale),
            "/apis/dohle.dev/v1alpha1/namespaces/n/clusters/c/scale");
  EXPECT_EQ(*ObjectPath(kClusters, {"n", "a b?#\xc3\xa4"}),
            "/apis/dohle.dev/v1alpha1/namespaces/n/clusters/a%20b%3F%23%C3%A4");
}

TEST(RequestPathTest, RefusesWhatIsNoName) {
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a/b"),
                                  std::string("a%2f"), std::string(254, 'a')}) {
    EXPECT_EQ(ObjectPath(kPods, {"n", name}).status().code(), StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(ObjectPath(kPods, {name, "p"}).status().code(), StatusCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(ObjectPath(kNodes, {"n", "x"}).status().code(), StatusCode::kInvalidArgument);
}

TEST(RequestPathTest, EncodesQueries) {
  EXPECT_EQ(QueryString({}), "");
  EXPECT_EQ(QueryString({{"a", ""}}), "");
  EXPECT_EQ(QueryString({{"a", ""}, {"b", "x=y,z!=1"}, {"c", "+ &"}}), "?b=x%3Dy%2Cz%21%3D1&c=%2B%20%26");
}

}  // namespace
}  // namespace dohle::k8s
