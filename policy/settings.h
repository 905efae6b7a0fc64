#pragma once

// "name=value" settings of a learned method, bound to the fields of its structs: read from the
// command line, shown in documents and kept in checkpoints, from one list.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "placer/algorithm/algorithm.h"

namespace placer::policy {

// The fields outlive it:
//   Settings settings("colocrl");
//   settings.add("k", parameters.k, 1, 4096);
//   settings.read(options.parameters);
class Settings {
 public:
  explicit Settings(std::string algorithm) : algorithm_(std::move(algorithm)) {}

  void add(std::string_view name, std::int64_t& field, std::int64_t low, std::int64_t high);
  void add(std::string_view name, double& field, double low, double high);
  // on or off
  void add(std::string_view name, bool& field);
  // any text
  void add(std::string_view name, std::string& field);
  // one of the words
  template <typename Enum>
  void add(std::string_view name, Enum& field,
           std::initializer_list<std::pair<std::string_view, Enum>> words);

  // Sets fields in order.
  //   throws  Error(kUsage) for an unknown name (with the nearest one), a name given twice, a
  //           malformed value and one out of range
  void read(ParameterList given) const;
  // Every setting as (name, value), in the order of adding; read() takes them back.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> list() const;

 private:
  struct Entry {
    std::string name;
    std::string expected;                         // "a number from 0 to 1"
    std::function<bool(const std::string&)> set;  // false: not what is expected
    std::function<std::string()> show;
  };

  void add_words(std::string_view name, const std::vector<std::string>& words,
                 std::function<void(std::size_t)> set, std::function<std::size_t()> get);
  [[nodiscard]] const Entry& find(const std::string& name) const;

  std::string algorithm_;
  std::vector<Entry> entries_;
};

template <typename Enum>
void Settings::add(std::string_view name, Enum& field,
                   std::initializer_list<std::pair<std::string_view, Enum>> words) {
  std::vector<std::string> names;
  std::vector<Enum> values;
  for (const auto& [word, value] : words) {
    names.emplace_back(word);
    values.push_back(value);
  }
  add_words(
      name, names, [&field, values](std::size_t i) { field = values[i]; },
      [&field, values] {
        std::size_t i = 0;
        while (values[i] != field) ++i;
        return i;
      });
}

}  // namespace placer::policy
