#include "lib/env/address_bytes.h"

#include <gtest/gtest.h>

namespace dohle::env {
namespace {

TEST(AddressBytesTest, ThereAndBack) {
  EXPECT_EQ(AddressBytes("127.0.0.1"), std::string("\x7f\0\0\1", 4));
  EXPECT_EQ(AddressBytes("::1"), std::string(15, '\0') + "\1");
  EXPECT_EQ(HostOfAddressBytes(AddressBytes("10.250.3.44")), "10.250.3.44");
  EXPECT_EQ(HostOfAddressBytes(AddressBytes("2001:db8::8:800:200c:417a")), "2001:db8:0:0:8:800:200c:417a");
  EXPECT_EQ(HostOfAddressBytes(AddressBytes("fe80::1%eth0")), "fe80:0:0:0:0:0:0:1");
  EXPECT_EQ(HostOfAddressBytes(AddressBytes("::ffff:1.2.3.4")), "0:0:0:0:0:ffff:102:304");
  EXPECT_EQ(HostOfAddressBytes(AddressBytes("1:2:3:4:5:6:7:8")), "1:2:3:4:5:6:7:8");
}

TEST(AddressBytesTest, WhatIsNoAddress) {
  const std::string nowhere(4, '\0');
  for (const char* wrong : {"", "broker-1", "1.2.3", "1.2.3.256", "1.2.3.4.5", "1:2", ":", ":::", "1::2::3",
                            "1:2:3:4:5:6:7:8:9", "12345::", "1:2:3:4:5:6:7:"}) {
    EXPECT_EQ(AddressBytes(wrong), nowhere) << wrong;
  }
  EXPECT_EQ(HostOfAddressBytes("abc"), "");
}

}  // namespace
}  // namespace dohle::env
