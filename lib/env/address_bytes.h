// Numeric addresses as bytes in network order, as Kafka's Envelope and Java's InetAddress have them. Pure.
#pragma once

#include <string>
#include <string_view>

namespace dohle::env {

// Four bytes of "127.0.0.1", sixteen of "::1" or "::ffff:1.2.3.4"; those of 0.0.0.0 if `host` is no address.
std::string AddressBytes(std::string_view host);

// "127.0.0.1", "0:0:0:0:0:0:0:1" as Java prints it; "" if `bytes` is neither 4 nor 16 long.
std::string HostOfAddressBytes(std::string_view bytes);

}  // namespace dohle::env
