#pragma once
// The real files, but a queue that is made anew with files of another size is not made before the
// test lets it: what has to wait for it does, and what must not is seen not to.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "../passing_files.h"
#include "base/mutex.h"
#include "store/files.h"

namespace mqd::store::test {

class HeldFiles final : public mqd::test::PassingFiles {
public:
    void let() {
        const Lock lock(mutex_);
        held_ = false;
        changed_.notify_all();
    }
    Result<> make_directories(const std::filesystem::path& dir) override {
        const Lock lock(mutex_);
        while (held_ && dir.extension() == ".mqd-new") changed_.wait(mutex_);
        return real_.make_directories(dir);
    }

private:
    Mutex mutex_;
    Condition changed_;
    bool held_ GUARDED_BY(mutex_) = true;
};

}  // namespace mqd::store::test
