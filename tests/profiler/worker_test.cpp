#include "profiler/worker.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "profiler/worker_messages.h"
#include "profiler/worker_process.h"
#include "tests/profiler/executable_graph.h"

namespace placer::profile {
namespace {

using placer::testing::core_cluster;
using placer::testing::ExecutableGraph;
using ::testing::HasSubstr;

// A folder of its own, with a graph of three ops and a cluster of two cores as files.
class WorkerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::path(::testing::TempDir()) / ("worker_test_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    ExecutableGraph made;
    TensorRef value = made.state("x", {4}, {1, 2, 3, 4});
    for (int i = 0; i < 3; ++i) {
      value = made.unary("op" + std::to_string(i), "aten.neg.default", value, {4});
    }
    made.output("y", value);
    workload_.emplace(Workload{made.build(), {}});
    write_file(folder_ / "graph.json", write_graph(*workload_));
    write_file(folder_ / "cluster.json", write_cluster(cluster_));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  const Graph& graph() const { return workload_->graph; }

  WorkerOptions options(std::vector<std::string> command) const {
    WorkerOptions options;
    options.command = std::move(command);
    options.graph_file = folder_ / "graph.json";
    options.cluster_file = folder_ / "cluster.json";
    return options;
  }

  // A worker that answers "hello" and "load" as it should; `body` is run for each further line, in
  // a shell.
  std::vector<std::string> fake(const std::string& body) const {
    const std::string loaded = to_line(WorkerReply(LoadedReply{graph().hash(), cluster_.hash()}));
    const std::string script = "read hello; echo '" + to_line(WorkerReply(HelloReply{"m", "l"})) +
                               "'; read load; echo '" + loaded + "'; while read line; do " +
                               R"(id=$(echo "$line" | sed 's/.*"id":\([0-9]*\).*/\1/'); )" + body +
                               "; done";
    return {"/bin/sh", "-c", script};
  }

  // Shell text that answers request $id with a step time.
  static std::string answer(std::int64_t ps) {
    return R"(echo '{"version":1,"reply":"outcome","id":'$id',"outcome":{"step_time_ps":)" +
           std::to_string(ps) +
           R"(,"peak_memory_bytes":[1,2],"busy_ps":[3,4],"timed_steps_ps":[5,6]}}')";
  }

  std::filesystem::path folder_;
  std::optional<Workload> workload_;
  const Cluster cluster_ = core_cluster(2);
};

TEST_F(WorkerTest, OutcomesComeFromTheWorker) {
  const auto evaluator = make_worker_evaluator(graph(), cluster_, options(fake(answer(77))));
  for (int i = 0; i < 3; ++i) {
    const Outcome outcome = evaluator->evaluate_one(all_on(graph(), DeviceId{0}));
    ASSERT_TRUE(outcome.feasible());
    EXPECT_EQ(outcome.step_time, SimTime{77});
    EXPECT_EQ(outcome.peak_memory, (std::vector<Bytes>{{1}, {2}}));
    EXPECT_EQ(outcome.busy, (std::vector<SimTime>{{3}, {4}}));
    EXPECT_EQ(outcome.timed_steps, (std::vector<SimTime>{{5}, {6}}));
    EXPECT_EQ(outcome.new_steps, 2U);
  }
}

TEST_F(WorkerTest, CrashIsAnOutcomeAndTheWorkerIsReplaced) {
  // The first worker dies at its first measurement, the second lives.
  for (const auto& [signal, name] :
       {std::pair("KILL", "signal 9 (KILL)"), std::pair("SEGV", "signal 11 (SEGV)")}) {
    const std::string mark = folder_ / signal;
    const auto evaluator =
        make_worker_evaluator(graph(), cluster_,
                              options(fake("if [ ! -e " + mark + " ]; then touch " + mark +
                                           "; kill -" + signal + " $$; fi; " + answer(5))));
    const std::vector<Placement> placements(3, all_on(graph(), DeviceId{0}));
    std::vector<Outcome> outcomes(3);
    evaluator->evaluate(placements, outcomes);
    ASSERT_FALSE(outcomes[0].feasible());
    EXPECT_EQ(outcomes[0].infeasible->reason, InfeasibleReason::kCrashed);
    EXPECT_THAT(outcomes[0].infeasible->text, HasSubstr(name));
    EXPECT_EQ(outcomes[1].step_time, SimTime{5});
    EXPECT_EQ(outcomes[2].step_time, SimTime{5});
  }
}

TEST_F(WorkerTest, SilentWorkerIsATimeOut) {
  WorkerOptions silent = options(fake("exec sleep 1000"));
  silent.measure.first_limit_seconds = 0.1;
  silent.hang_seconds = 5;  // also the time it has to start
  const auto evaluator = make_worker_evaluator(graph(), cluster_, silent);
  const Outcome outcome = evaluator->evaluate_one(all_on(graph(), DeviceId{0}));
  ASSERT_FALSE(outcome.feasible());
  EXPECT_EQ(outcome.infeasible->reason, InfeasibleReason::kTimeOut);
}

TEST_F(WorkerTest, SignsOfLifeAreNotTheAnswer) {
  const std::string alive = "echo '" + to_line(WorkerReply(AliveReply{})) + "'; ";
  const auto evaluator =
      make_worker_evaluator(graph(), cluster_, options(fake(alive + alive + answer(9))));
  EXPECT_EQ(evaluator->evaluate_one(all_on(graph(), DeviceId{0})).step_time, SimTime{9});
}

TEST_F(WorkerTest, TroubleBeforeTheFirstMeasurementIsAnError) {
  const auto kind_and_text = [&](const WorkerOptions& with) -> std::pair<ErrorKind, std::string> {
    try {
      (void)make_worker_evaluator(graph(), cluster_, with)
          ->evaluate_one(all_on(graph(), DeviceId{0}));
    } catch (const Error& error) {
      return {error.kind(), error.what()};
    }
    return {ErrorKind::kInternal, "no error"};
  };
  auto [kind, text] = kind_and_text(options({"/no/such/program"}));
  EXPECT_EQ(kind, ErrorKind::kDevice);
  EXPECT_THAT(text, HasSubstr("cannot start the worker /no/such/program: No such file"));
  std::tie(kind, text) = kind_and_text(options({"/bin/sh", "-c", "exit 3"}));
  EXPECT_EQ(kind, ErrorKind::kDevice);
  EXPECT_THAT(text, HasSubstr("ended with status 3 before it was ready"));
  const std::string refused = to_line(WorkerReply(ErrorReply{ErrorKind::kUsage, "no such op"}));
  std::tie(kind, text) =
      kind_and_text(options({"/bin/sh", "-c", "read hello; echo '" + refused + "'; read rest"}));
  EXPECT_EQ(kind, ErrorKind::kUsage);
  EXPECT_THAT(text, HasSubstr("no such op"));
  std::tie(kind, text) =
      kind_and_text(options({"/bin/sh", "-c", "read hello; echo what; read rest"}));
  EXPECT_EQ(kind, ErrorKind::kBadInput);
}

TEST_F(WorkerTest, WorkerOfAnotherGraphIsRefused) {
  ExecutableGraph made;
  made.state("other", {1});
  const Graph other = made.build();
  const auto evaluator = make_worker_evaluator(other, cluster_, options(fake(answer(1))));
  EXPECT_THROW((void)evaluator->evaluate_one(all_on(other, DeviceId{0})), Error);
}

TEST_F(WorkerTest, ServerMeasuresAndSurvivesBadRequests) {
  const WorkerOptions with = options({});
  const auto evaluate = [&](std::size_t nodes, DeviceId device) {
    return to_line(
        WorkerRequest(EvaluateRequest{4, Placement{std::vector<DeviceId>(nodes, device), {}}}));
  };
  std::stringstream in;
  in << to_line(WorkerRequest(HelloRequest{})) << "\n"
     << evaluate(graph().size(), DeviceId{0}) << "\n"  // nothing loaded
     << "{]\n"
     << R"({"version": 2, "request": "hello"})"
     << "\n"
     << R"({"version": 1, "request": "dance"})"
     << "\n"
     << R"({"version": 1, "request": "evaluate", "id": -1, "devices": "no"})"
     << "\n"
     << to_line(WorkerRequest(LoadRequest{with.graph_file, with.cluster_file, {}, {}})) << "\n"
     << evaluate(2, DeviceId{0}) << "\n"
     << evaluate(graph().size(), DeviceId{9}) << "\n"
     << evaluate(graph().size(), DeviceId{1}) << "\n"
     << to_line(WorkerRequest(QuitRequest{})) << "\n"
     << "not read\n";
  std::stringstream out;
  serve_worker(in, out);
  std::vector<WorkerReply> replies;
  for (std::string line; std::getline(out, line);) {
    replies.push_back(parse_reply(line));
  }
  ASSERT_EQ(replies.size(), 10U);
  EXPECT_TRUE(std::holds_alternative<HelloReply>(replies[0]));
  EXPECT_EQ(std::get<ErrorReply>(replies[1]).kind, ErrorKind::kUsage);
  EXPECT_EQ(std::get<ErrorReply>(replies[2]).kind, ErrorKind::kBadInput);
  EXPECT_THAT(std::get<ErrorReply>(replies[3]).text, HasSubstr("2, expected 1"));
  EXPECT_THAT(std::get<ErrorReply>(replies[4]).text, HasSubstr("dance"));
  EXPECT_EQ(std::get<ErrorReply>(replies[5]).kind, ErrorKind::kBadInput);
  EXPECT_EQ(std::get<LoadedReply>(replies[6]).graph_hash, graph().hash());
  EXPECT_THAT(std::get<ErrorReply>(replies[7]).text,
              HasSubstr("2 entries, expected one per node: 5"));
  EXPECT_THAT(std::get<ErrorReply>(replies[8]).text, HasSubstr("unknown device"));
  const auto& outcome = std::get<OutcomeReply>(replies[9]);
  EXPECT_EQ(outcome.id, 4U);
  EXPECT_TRUE(outcome.outcome.feasible());
  EXPECT_GT(outcome.outcome.step_time.ps, 0);
}

TEST_F(WorkerTest, ProgramIsAWorker) {
  const char* const program = std::getenv("PLACER_PROGRAM");
  if (program == nullptr || !std::filesystem::exists(program)) {
    GTEST_SKIP() << "PLACER_PROGRAM names no program";
  }
  const auto evaluator = make_worker_evaluator(graph(), cluster_, options({program, "worker"}));
  EXPECT_TRUE(evaluator->evaluate_one(all_on(graph(), DeviceId{1})).feasible());
}

TEST(WorkerMessages, OutcomesKeepTheirReason) {
  Outcome outcome;
  outcome.infeasible = Infeasible{InfeasibleReason::kOutOfMemory, DeviceId{1}, NodeId{17},
                                  Bytes{42}, "cpu:1 is short"};
  const WorkerReply reply = parse_reply(to_line(WorkerReply(OutcomeReply{3, outcome})));
  const Infeasible& reason = *std::get<OutcomeReply>(reply).outcome.infeasible;
  EXPECT_EQ(reason.reason, InfeasibleReason::kOutOfMemory);
  EXPECT_EQ(reason.device, DeviceId{1});
  EXPECT_EQ(reason.node, NodeId{17});
  EXPECT_EQ(reason.missing, Bytes{42});
  EXPECT_EQ(reason.text, "cpu:1 is short");
}

TEST(WorkerMessages, LoadKeepsEveryOption) {
  LoadRequest load{"g", "c", {}, {}};
  load.measure.capture = Capture::kWherePossible;
  load.executor.seed = 0xFFFFFFFFFFFFFFFFULL;
  load.executor.weights = "w.pt2";
  load.executor.seeded_state = true;
  load.executor.memory_limit = {{5}, {6}};
  load.executor.priority = {-1, 1};
  load.measure.repeats = 9;
  load.measure.warm_up = 8;
  load.measure.first_warm_up = 7;
  load.measure.limit_factor = 2.5;
  load.measure.first_limit_seconds = 0.125;
  const WorkerRequest request = parse_request(to_line(WorkerRequest(load)));
  const auto& copy = std::get<LoadRequest>(request);
  EXPECT_EQ(copy.executor.seed, load.executor.seed);
  EXPECT_EQ(copy.executor.weights, "w.pt2");
  EXPECT_TRUE(copy.executor.seeded_state);
  EXPECT_EQ(copy.executor.memory_limit, load.executor.memory_limit);
  EXPECT_EQ(copy.executor.priority, load.executor.priority);
  EXPECT_EQ(copy.measure.repeats, 9);
  EXPECT_EQ(copy.measure.warm_up, 8);
  EXPECT_EQ(copy.measure.first_warm_up, 7);
  EXPECT_EQ(copy.measure.limit_factor, 2.5);
  EXPECT_EQ(copy.measure.first_limit_seconds, 0.125);
}

TEST(WorkerProcess, LongLinesGoBothWays) {
  WorkerProcess cat({"cat"});
  const std::string sent(3 << 20, 'x');  // more than the socket holds
  std::string received;
  const auto deadline = WorkerProcess::Clock::now() + std::chrono::seconds(60);
  std::thread reader(
      [&] { EXPECT_EQ(cat.read_line(received, deadline), WorkerProcess::Status::kDone); });
  EXPECT_EQ(cat.write_line(sent, deadline), WorkerProcess::Status::kDone);
  reader.join();
  EXPECT_EQ(received, sent);
}

TEST(WorkerProcess, WritingToADeadChildIsNoSignal) {
  WorkerProcess child({"true"});
  std::string line;
  const auto deadline = WorkerProcess::Clock::now() + std::chrono::seconds(60);
  EXPECT_EQ(child.read_line(line, deadline), WorkerProcess::Status::kEnded);
  EXPECT_EQ(child.write_line("hello", deadline), WorkerProcess::Status::kEnded);
  EXPECT_EQ(child.how_it_ended(), "ended with status 0");
}

// "R", "S", "Z" ... of a process, or empty when there is none.
std::string process_state(pid_t process) {
  std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
  std::string id;
  std::string name;
  std::string state;
  stat >> id >> name >> state;
  return state;
}

TEST(WorkerProcess, ChildDiesWithItsParent) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    WorkerProcess child({"sleep", "1000"});
    const pid_t id = child.id();
    const bool written = write(ends[1], &id, sizeof id) == sizeof id;
    _exit(written ? 0 : 1);  // no destructor: as when the parent is killed
  }
  pid_t child = 0;
  ASSERT_EQ(read(ends[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
  waitpid(parent, nullptr, 0);
  close(ends[0]);
  close(ends[1]);
  std::string state = process_state(child);
  for (int i = 0; i < 1000 && !state.empty() && state != "Z"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    state = process_state(child);
  }
  EXPECT_TRUE(state.empty() || state == "Z") << "still in state " << state;
}

}  // namespace
}  // namespace placer::profile
