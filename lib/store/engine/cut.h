#pragma once
// Cutting the log of a closed store back to an offset, so that a broker can follow another whose
// log is a different one from there on: Store::cut().
//
// A note, R/config/mqd.truncate, is on disk before anything is changed, and until all is done: the
// next open() finishes a cut that a crash has interrupted before it looks at anything else. What is
// cut is kept first, in R/lost/<offset>.log, a file for each of the log's, which `mqdump log`
// reads.
//
// The cut removes what could speak for records that are gone: the milestone, mqd-queues, timer
// files that lead there. It takes the checkpoint back and leaves `abort`, so that the next open()
// holds every queue and index file against the log, as after a crash, and drops what lies beyond.
//
// Threads: one, while nobody has the store open.

#include "base/result.h"
#include "store/files.h"
#include "store/table/places.h"

namespace mqd::store {

/// Finishes the cut that the note tells of, if there is one. The caller holds the store's lock.
/// corrupt: the note cannot be read. refused, io: it stays for the next attempt.
Result<> finish_cut(Files& files, const Places& places);

}  // namespace mqd::store
