#include "placer/placement/diff.h"

#include <algorithm>
#include <string_view>

namespace placer {
namespace {

class PartFinder {
 public:
  explicit PartFinder(std::vector<PlacedNode> nodes) : nodes_(std::move(nodes)) {
    // A module's nodes stand together: '.' sorts before everything else.
    std::sort(nodes_.begin(), nodes_.end(), [](const PlacedNode& a, const PlacedNode& b) {
      return std::lexicographical_compare(a.path.begin(), a.path.end(), b.path.begin(),
                                          b.path.end(),
                                          [](char x, char y) { return rank(x) < rank(y); });
    });
  }

  std::vector<MovedPart> find() {
    visit(0, nodes_.size(), 0);
    return std::move(parts_);
  }

 private:
  static int rank(char c) { return c == '.' ? -1 : static_cast<unsigned char>(c); }

  // Nodes [begin, end) share the first `length` characters of their paths, which end a component.
  void visit(std::size_t begin, std::size_t end, std::size_t length) {
    if (begin == end) {
      return;
    }
    const PlacedNode& first = nodes_[begin];
    const bool one_way = std::all_of(
        nodes_.begin() + static_cast<std::ptrdiff_t>(begin),
        nodes_.begin() + static_cast<std::ptrdiff_t>(end),
        [&](const PlacedNode& node) { return node.from == first.from && node.to == first.to; });
    if (one_way) {
      if (first.from != first.to) {
        const bool module = end - begin > 1;
        parts_.push_back({.path = module ? first.path.substr(0, length) : first.path,
                          .nodes = end - begin,
                          .whole_module = module,
                          .from = first.from,
                          .to = first.to});
      }
      return;
    }
    while (begin < end) {
      const std::string_view head = component(nodes_[begin].path, length);
      std::size_t next = begin + 1;
      while (next < end && component(nodes_[next].path, length) == head) {
        ++next;
      }
      // A path that ends here is a node of its own; more than one only where names repeat.
      if (head.size() == length) {
        for (; begin < next; ++begin) {
          visit(begin, begin + 1, length);
        }
      } else {
        visit(begin, next, head.size());
      }
      begin = next;
    }
  }

  // The path up to the end of the component that follows its first `length` characters.
  static std::string_view component(std::string_view path, std::size_t length) {
    return length >= path.size() ? path : path.substr(0, path.find('.', length + 1));
  }

  std::vector<PlacedNode> nodes_;
  std::vector<MovedPart> parts_;
};

}  // namespace

std::vector<MovedPart> moved_parts(std::vector<PlacedNode> nodes) {
  return PartFinder(std::move(nodes)).find();
}

}  // namespace placer
