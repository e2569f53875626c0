#pragma once
// The configuration while it runs: read by every request, changed by UPDATE_NAMESRV_CONFIG and by
// a reload.
//
// Threads: any.
// Owner:   Namesrv.

#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"
#include "namesrv/options.h"
#include "namesrv/routes.h"

namespace mqd::namesrv {

Routes::Options routes_options(const Options& options);

class Settings {
public:
    explicit Settings(const Options& options);

    std::shared_ptr<const Options> get() const;
    /// `key=value` a line.
    std::string properties() const;
    /// Sets all keys of `text` (key=value lines), or none, and keeps them in configStorePath,
    /// where other lines and comments stay. refused: a key is on the black list. invalid: a key or
    /// value is not known. io: the file cannot be written; then nothing is set.
    Result<> update(std::string_view text);
    /// The reloadable keys of `next`.
    void reload(const Options& next);

private:
    mutable Mutex mutex_;
    Condition written_;
    bool is_writing_ GUARDED_BY(mutex_) = false;
    std::shared_ptr<const Options> options_ GUARDED_BY(mutex_);
};

}  // namespace mqd::namesrv
