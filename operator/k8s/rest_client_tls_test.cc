// Who is trusted, with certificates made by the openssl command and a server in Python.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lib/env/posix/posix_env.h"
#include "lib/env/run_and_wait.h"
#include "operator/k8s/object.h"
#include "operator/k8s/rest_client.h"

namespace dohle::k8s {
namespace {

using ::testing::HasSubstr;

std::string Content(const std::string& path) {
  std::stringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

// The server's process; ends with this.
class TlsServer {
 public:
  TlsServer(const std::string& folder, const std::string& certificate, const std::string& client_ca) {
    const std::string pipe = folder + "/port";
    const std::string in_folder = "cd " + folder + " && ";
    std::filesystem::remove(pipe);
    EXPECT_EQ(std::system(("mkfifo " + pipe).c_str()), 0);
    const std::string command = fmt::format("{}exec python3 {} port {}.crt {}.key '{}'", in_folder,
                                            TLS_SERVER, certificate, certificate, client_ca);
    process_ = popen(command.c_str(), "w");
    std::ifstream(pipe) >> port_;
  }
  TlsServer(const TlsServer&) = delete;
  ~TlsServer() { pclose(process_); }
  std::string url(const std::string& host) const { return fmt::format("https://{}:{}", host, port_); }

 private:
  FILE* process_ = nullptr;
  int port_ = 0;
};

class RestClientTlsTest : public ::testing::Test {
 protected:
  // One authority, "ca", with certificates "server" (127.0.0.1 and kubernetes.default.svc) and "me"; another,
  // "other", that nobody knows.
  static void SetUpTestSuite() {
    folder_ = ::testing::TempDir() + "dohle-tls-XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    Shell(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out "
        "ca.crt "
        "-days 2 -subj /CN=ca");
    Shell(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout other.key "
        "-out other.crt -days 2 -subj /CN=other");
    Issue("server", "ca", "subjectAltName=IP:127.0.0.1,DNS:kubernetes.default.svc");
    Issue("elsewhere", "ca", "subjectAltName=DNS:elsewhere.example");
    Issue("me", "ca", "extendedKeyUsage=clientAuth");
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

  static void Shell(const std::string& command) {
    const std::string quiet = "cd " + folder_ + " && " + command + " >log 2>&1";
    ASSERT_EQ(std::system(quiet.c_str()), 0) << command << "\n" << Content(folder_ + "/log");
  }
  static void Issue(const std::string& name, const std::string& authority, const std::string& extension) {
    std::ofstream(folder_ + "/" + name + ".ext") << extension << "\n";
    Shell(
        fmt::format("openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {0}.key "
                    "-out {0}.csr -subj /CN={0}",
                    name));
    Shell(
        fmt::format("openssl x509 -req -in {0}.csr -CA {1}.crt -CAkey {1}.key -CAcreateserial -out {0}.crt "
                    "-days 2 -extfile {0}.ext",
                    name, authority));
  }

  RestClientTlsTest() : posix_({.event_loops = 1, .io_threads = 1, .own_process = false}) { posix_.Start(); }

  static std::string Pem(const std::string& name) { return Content(folder_ + "/" + name); }
  static env::Task<StatusOr<Json>> Ask(env::Env* env, const ServerAccess* access) {
    auto client = RestClient::Open(*access, {}, *env);
    if (!client.ok()) co_return client.status();
    ObjectName name{"", "x"};
    co_return co_await (*client)->Get(kNodes, std::move(name));
  }
  // As whom the server sees the client; or why it doesn't.
  std::string Seen(const ServerAccess& access) {
    const StatusOr<Json> answer = env::RunAndWait(*posix_.env().executors[0], Ask(&posix_.env(), &access));
    return answer.ok() ? FindString(*answer, "metadata.name") : answer.status().ToString();
  }

  static inline std::string folder_;
  env::PosixEnv posix_;
};

TEST_F(RestClientTlsTest, VerifiesTheServer) {
  const TlsServer server(folder_, "server", "");
  ServerAccess access;
  access.server = server.url("127.0.0.1");
  access.ca = Pem("ca.crt");
  EXPECT_EQ(Seen(access), "nobody");
  access.ca = Pem("other.crt") + Pem("ca.crt");
  EXPECT_EQ(Seen(access), "nobody") << "one of several authorities";
  access.ca = Pem("other.crt");
  EXPECT_THAT(Seen(access), HasSubstr("SSL handshake")) << "another authority";
  access.ca = "";
  EXPECT_THAT(Seen(access), HasSubstr("SSL handshake")) << "the machine doesn't know this authority";
  access.skip_verification = true;
  EXPECT_EQ(Seen(access), "nobody");
}

// A sanitizer keeps what was freed.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

size_t ResidentBytes() {
  size_t total_pages = 0;
  size_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> total_pages >> resident_pages;
  return resident_pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// What the leak sanitizer is told to pass over in libcrypto must not add up: each handshake is of a client of
// its own, as after each loss of the API server. DOHLE_TLS_HANDSHAKES=2000 for a figure worth writing down.
TEST_F(RestClientTlsTest, HandshakesKeepLittleMemory) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer's own memory grows";
  const TlsServer server(folder_, "server", "");
  ServerAccess access;
  access.server = server.url("127.0.0.1");
  access.ca = Pem("ca.crt");
  const char* asked = std::getenv("DOHLE_TLS_HANDSHAKES");
  const size_t handshakes = asked == nullptr ? 100 : std::strtoul(asked, nullptr, 10);
  for (int i = 0; i < 50; ++i) ASSERT_EQ(Seen(access), "nobody");
  const size_t before = ResidentBytes();
  for (size_t i = 0; i < handshakes; ++i) ASSERT_EQ(Seen(access), "nobody");
  const size_t after = ResidentBytes();
  const size_t grown = after > before ? after - before : 0;
  std::printf("%zu handshakes: %zu KiB more\n", handshakes, grown >> 10);
  EXPECT_LE(grown, (size_t{2} << 20) + handshakes * 1024);
}

TEST_F(RestClientTlsTest, VerifiesTheServersName) {
  const TlsServer server(folder_, "elsewhere", "");
  ServerAccess access;
  access.server = server.url("127.0.0.1");
  access.ca = Pem("ca.crt");
  EXPECT_THAT(Seen(access), HasSubstr("SSL handshake")) << "it is for another name";
  access.tls_server_name = "elsewhere.example";
  EXPECT_EQ(Seen(access), "nobody");
  access.tls_server_name = "other.example";
  EXPECT_THAT(Seen(access), HasSubstr("SSL handshake"));
}

TEST_F(RestClientTlsTest, PresentsItsCertificate) {
  const TlsServer server(folder_, "server", "ca.crt");
  ServerAccess access;
  access.server = server.url("127.0.0.1");
  access.ca = Pem("ca.crt");
  EXPECT_THAT(Seen(access), HasSubstr("UNAVAILABLE")) << "the server wants one";
  access.client_certificate = Pem("me.crt");
  access.client_key = Pem("me.key");
  EXPECT_EQ(Seen(access), "me");
}

}  // namespace
}  // namespace dohle::k8s
