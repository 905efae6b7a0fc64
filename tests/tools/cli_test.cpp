// Exit statuses and messages of the command line.

#include <gmock/gmock.h>

#include "placer/formats/formats.h"
#include "tests/support/cli_fixture.h"
#include "tests/support/random_graph.h"

namespace placer::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Cli : public CliFixture {};

TEST_F(Cli, HelpListsEveryCommandAndEveryCommandHasAnExample) {
  const ProcessResult help = run("--help");
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, HasSubstr("Example:"));
  for (const char* command :
       {"import", "inspect", "assume", "place", "simulate", "explain", "diff", "export"}) {
    EXPECT_THAT(help.out, HasSubstr(command));
    const ProcessResult own = run(std::string(command) + " --help");
    EXPECT_EQ(own.status, 0) << command;
    EXPECT_THAT(own.out, HasSubstr("Example: placer " + std::string(command)));
  }
}

TEST_F(Cli, VersionNamesTheBuild) {
  const ProcessResult version = run("--version");
  EXPECT_EQ(version.status, 0);
  EXPECT_THAT(version.out, AllOf(HasSubstr("placer 0."), HasSubstr("LibTorch")));
}

TEST_F(Cli, WrongUsageIsStatus2) {
  EXPECT_EQ(run("").status, 2);
  EXPECT_EQ(run("place --no-such-flag").status, 2);
  EXPECT_EQ(run("simulate").status, 2);
  const ProcessResult typo = run("simulte graph.json");
  EXPECT_EQ(typo.status, 2);
  EXPECT_THAT(typo.err, HasSubstr("did you mean \"simulate\"?"));
}

TEST_F(Cli, AMissingOrForeignFileIsStatus3AndNamed) {
  const ProcessResult missing = run("inspect nowhere.json");
  EXPECT_EQ(missing.status, 3);
  EXPECT_THAT(missing.err, HasSubstr("nowhere.json"));
  write("text.json", "hello");
  const ProcessResult foreign = run("inspect text.json");
  EXPECT_EQ(foreign.status, 3);
  EXPECT_THAT(foreign.err, HasSubstr("text.json"));
}

TEST_F(Cli, ErrorsAreJsonWhenAskedFor) {
  const ProcessResult missing = run("--json inspect nowhere.json");
  EXPECT_EQ(missing.status, 3);
  EXPECT_THAT(missing.out, AllOf(HasSubstr("\"error\""), HasSubstr("\"code\":3")));
}

TEST_F(Cli, AnUnprofiledGraphIsToldToBeProfiled) {
  RandomGraphOptions options;
  options.kinds = {};
  write("graph.json", write_graph(random_workload(1, options)));
  write("cluster.json", write_cluster(random_cluster(1)));
  const ProcessResult result = run("place graph.json -c cluster.json --no-measure");
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.err, HasSubstr("placer profile"));
}

}  // namespace
}  // namespace placer::test
