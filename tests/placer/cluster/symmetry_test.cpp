#include "placer/cluster/symmetry.h"

#include <gtest/gtest.h>

namespace placer {
namespace {

constexpr DeviceId kHost = id_at<DeviceId>(0);
constexpr DeviceId kFirst = id_at<DeviceId>(1);
constexpr DeviceId kSecond = id_at<DeviceId>(2);
constexpr DeviceId kThird = id_at<DeviceId>(3);

std::vector<std::pair<DeviceId, DeviceId>> both_ways(
    const std::vector<std::pair<DeviceId, DeviceId>>& pairs) {
  std::vector<std::pair<DeviceId, DeviceId>> result;
  for (const auto& [a, b] : pairs) {
    result.emplace_back(a, b);
    result.emplace_back(b, a);
  }
  return result;
}

// A host and three cards; cards 1 and 2 share one bus to the host, card 3 has another.
Cluster host_and_cards(bool shared, double third_latency = 5) {
  const auto card = [](const char* name) {
    return Device{.name = name,
                  .kind = "gpu",
                  .memory = Bytes{1000},
                  .pool = {},
                  .cores = {},
                  .overhead = {}};
  };
  const auto link = [&](const char* name, double latency, bool bus, const auto& pairs) {
    return Link{.name = name,
                .pairs = both_ways(pairs),
                .latency = from_microseconds(latency),
                .bytes_per_second = 1e9,
                .shared = bus};
  };
  using Pairs = std::vector<std::pair<DeviceId, DeviceId>>;
  Device host = card("host");
  host.kind = "cpu-core";
  return {"cards",
          {host, card("first"), card("second"), card("third")},
          {link("bus", 5, shared, Pairs{{kHost, kFirst}, {kHost, kSecond}}),
           link("other", third_latency, shared, Pairs{{kHost, kThird}}),
           link("cards", 1, false, Pairs{{kFirst, kSecond}, {kFirst, kThird}, {kSecond, kThird}})}};
}

TEST(Interchangeable, DevicesWithTheSameLinks) {
  const Cluster cluster = host_and_cards(false);
  EXPECT_TRUE(interchangeable(cluster, kFirst, kSecond));
  EXPECT_TRUE(interchangeable(cluster, kSecond, kThird));
  EXPECT_TRUE(interchangeable(cluster, kHost, kHost));
  EXPECT_FALSE(interchangeable(cluster, kHost, kFirst));
}

TEST(Interchangeable, ADevicesOwnBusSetsItApart) {
  const Cluster cluster = host_and_cards(true);
  EXPECT_TRUE(interchangeable(cluster, kFirst, kSecond));
  EXPECT_FALSE(interchangeable(cluster, kFirst, kThird));
}

TEST(Interchangeable, ASlowerLinkSetsItApart) {
  const Cluster cluster = host_and_cards(false, 6);
  EXPECT_TRUE(interchangeable(cluster, kFirst, kSecond));
  EXPECT_FALSE(interchangeable(cluster, kFirst, kThird));
}

}  // namespace
}  // namespace placer
