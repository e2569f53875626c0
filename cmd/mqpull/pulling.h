#pragma once
// The loop of mqpull: blocks of records in, messages out, and offsets committed for what is done.
//
// Threads: one.
// Owner:   main.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absent.h"
#include "cli/parser.h"
#include "cli/progress.h"
#include "client/client.h"
#include "client/membership.h"
#include "client/newest.h"
#include "client/patience.h"
#include "client/puller.h"
#include "client/route_watch.h"
#include "client/start.h"
#include "client/waiting.h"
#include "filter/tags.h"
#include "holding.h"
#include "intake.h"
#include "losses.h"
#include "output.h"
#include "pace.h"
#include "record/format.h"

namespace mqd::mqpull {

/// Who must hold each topic and answer.
struct BrokersWanted {
    std::size_t count = 0;
    std::vector<std::string> names;

    bool any() const { return count > 0 || !names.empty(); }
};
/// N, or names with commas between; `2,` is a name. invalid: neither.
Result<BrokersWanted> parse_brokers(std::string_view text);

struct Settings {
    std::vector<std::string> topics;
    bool waits = false;       ///< for topics that do not exist yet
    client::Waiting waiting;  ///< for servers
    std::string group;        ///< empty: a plain reader
    bool broadcasts = false;  ///< as each of the group's members
    /// The group's offsets are the broker's to keep.
    bool commits() const { return !group.empty() && !broadcasts; }
    client::From from;
    std::optional<std::int64_t> last;  ///< instead: the newest so many of all queues together
    client::Until until;
    std::optional<std::int32_t> queue;
    std::string broker;
    BrokersWanted brokers;
    std::string expression = "*";  ///< what the broker filters by
    bool is_sql = false;           ///< SQL92 then, else tags
    filter::Tags tags;

    std::string expression_type() const { return is_sql ? "SQL92" : "TAG"; }
    bool stops_at_end = false;
    bool fails_empty = false;
    bool merges = false;           ///< across queues by store time
    bool merges_at_first = false;  ///< and no longer than up to the end of now
    bool is_orderly = false;       ///< a group's queues are locked, one message of each at a time
    bool runs_commands = false;

    /// A gap in a queue's offsets is nothing that the filter held back.
    bool is_unfiltered() const { return !is_sql && tags.matches_all(); }
    bool is_group() const { return !group.empty(); }
    std::optional<std::int64_t> count;
    std::optional<std::int64_t> idle_ms;
    std::optional<std::int64_t> rate;  ///< messages a second
    std::optional<bool> progress;      ///< nothing: where stderr is a terminal and stdout is none
    record::Format format;
};

struct Sources {
    std::vector<client::Queue> queues;
    std::vector<std::string> missing;  ///< topics that do not exist
};
/// Of the topics, as far as --queue and --broker want them. not_found: a topic that is not waited
/// for, or nothing is left. unavailable: who must hold a topic does not.
Result<Sources> find_sources(client::Client& client, const Settings& settings);
/// The same of those that are there.
Result<std::vector<client::Queue>> wanted_queues(client::Client& client, const Settings& settings);

class Pulling {
public:
    Pulling(cli::Parser& cli, client::Client& client, const Settings& settings, Output& output);
    ~Pulling();
    Pulling(const Pulling&) = delete;
    Pulling& operator=(const Pulling&) = delete;

    /// Until there is nothing more to do, or a signal; the exit status. When nobody reads the
    /// output any more, the program ends by SIGPIPE.
    int run();

private:
    Result<> begin();
    /// Every broker of the queues filters by the expression. refused: one does not.
    Result<> check_expression(const std::vector<client::Queue>& queues) const;
    Result<> loop();
    /// What the output has begun comes to its end.
    Result<> drain();
    Result<> join(client::Patience& patience);
    /// The group's offsets are committed for the last time, and its queues are the others'.
    Result<> leave(bool is_pipe_closed);
    void tick();
    bool is_over() const;
    /// As many messages as the output accepts, up to a turn's. False: none are there.
    Result<bool> move_on();
    /// False: the queue's end, or enough.
    Result<bool> handle(client::PulledQueue& queue, message::RecordView& message, bool is_part);
    /// At the end of a block.
    Result<> pass(BlockReader& reader);
    /// Says what the broker has told instead of records.
    void tell(const client::Block& block);
    void tell_removed(const client::PulledQueue& queue);
    void tell_once(const client::PulledQueue& queue, client::Block::News news,
                   const std::string& what);
    /// The queue's numbers are others now: what is under way there ends by itself.
    Result<> begin_again(client::Block block);
    /// [from, to) is not there, as far as anybody wants it.
    void lose(const client::PulledQueue& queue, Losses::Why why, std::int64_t from,
              std::int64_t to);
    int status() const;
    Result<> share_out();
    Result<> not_shared(const Error& error);
    Result<> take_on(const std::vector<client::Queue>& queues, const client::From& from);
    Result<> begin_plain(std::vector<client::Queue> queues, client::Patience& patience);
    Result<> take_on_present(std::vector<client::Queue>& queues, Error& why);
    Result<> find_newest(const std::vector<client::Queue>& queues);
    std::int64_t start_of(const client::Queue& queue, const client::From& from,
                          const client::Bounds& bounds);
    void begin_queue(const client::Queue& queue, std::int64_t start, const client::Bounds& bounds);
    void wait_for(const std::vector<std::string>& topics);
    void say_missing();
    Result<> look_for_topics();
    void set_absent_end();
    void take_absent();
    void leave_away(std::vector<client::Queue>& queues);
    void mind_away();
    void miss(const client::Queue& queue, const Error& why);
    Result<std::vector<std::int64_t>> group_starts(const std::vector<client::Queue>& queues,
                                                   const std::vector<client::Bounds>& bounds);
    Result<bool> is_new_group(const std::string& topic);
    /// What is read of others comes to its end, and what is not read yet is begun.
    Result<> settle_on(std::vector<client::Queue> queues);
    Result<> stop_reading(const std::vector<client::PulledQueue*>& queues);
    void drop(client::PulledQueue& queue);
    Result<> look_for_queues();
    void keep_absent(std::vector<client::Queue>& queues) const;
    void show_progress();
    void wait();
    /// What a wait ends by while messages are still to come; gives the time it ends at.
    std::int64_t add_sources(std::int64_t until_ms);

    cli::Parser& cli_;
    client::Client& client_;
    const Settings& settings_;
    std::unique_ptr<client::Membership> membership_;
    client::Puller puller_;
    Output& output_;
    std::optional<Holding> holding_;  ///< of a group, but not of a broadcasting member
    Pace pace_;
    Intake intake_;
    std::vector<pollfd> fds_;
    cli::Progress progress_;
    Losses losses_;
    /// Of a topic on a broker, what was last said of all of its queues, and of which such topic.
    std::map<std::pair<std::string, std::string>, std::pair<client::Block::News, std::int64_t>>
        said_;
    /// Queues that are gone and may come back: where their reading ended, and PulledQueue::since.
    std::map<client::Queue, std::pair<std::int64_t, std::int64_t>> left_at_;
    std::map<client::Queue, std::int64_t> newest_;  ///< where --last begins
    Absent absent_;
    std::vector<client::Queue> away_;  ///< a group's, whose brokers do not answer its heartbeats
    client::WaitLine away_line_;
    std::set<client::Queue> left_out_;   ///< away when the group was found to be new in their topic
    std::int64_t absent_until_ms_ = -1;  ///< with -e they are waited for so long; -1: for ever
    std::set<std::string> new_topics_;   ///< that came to be while they were waited for
    std::set<std::string> missing_;      ///< topics that do not exist yet
    std::optional<client::RouteWatch> missing_routes_;
    client::WaitLine missing_line_;
    std::int64_t look_again_ms_ = -1;  ///< for queues, since nobody could tell
    std::set<std::string> missed_;     ///< brokers that were not read to the end
    std::uint64_t count_ = 0;
    std::uint64_t shown_count_ = 0;
    std::uint64_t body_bytes_ = 0;
    std::int64_t active_ms_;  ///< a message came, or one was worked on
    std::int64_t commit_at_ms_;
    client::RouteWatch routes_;
    bool has_queues_ = false;                ///< they have been shared out at least once
    std::int64_t not_shared_since_ms_ = -1;  ///< since when nobody can tell which are ours
    std::string trouble_;                    ///< why they could not be taken on, as told
    bool is_draining_ = false;
    // Why the next message is left where it is.
    bool is_blocked_ = false;  ///< the output does not accept it
    bool waits_for_pace_ = false;
};

}  // namespace mqd::mqpull
