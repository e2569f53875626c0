// A fuzz target without a fuzzer: every file of the corpus, then mutations of them, the same for
// the same seed; or one input alone.
//
//   fuzz-NAME CORPUS [SEED [MUTATIONS]]
//   fuzz-NAME FILE

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::string& input) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> corpus_of(const std::filesystem::path& dir) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(dir))
        paths.push_back(entry.path());
    // The folder's own order would make a seed mean something else on another disk.
    std::sort(paths.begin(), paths.end());
    std::vector<std::string> corpus;
    for (const auto& path : paths) corpus.push_back(content_of(path));
    return corpus;
}

class Mutator {
public:
    Mutator(const std::vector<std::string>& corpus, std::uint64_t seed)
        : corpus_(corpus), random_(seed) {}

    std::string next() {
        std::string input = corpus_[below(corpus_.size())];
        for (auto changes = 1 + below(4); changes > 0; --changes) change(input);
        return input;
    }

private:
    std::size_t below(std::size_t end) { return static_cast<std::size_t>(random_() % end); }

    void change(std::string& input) {
        static constexpr std::string_view odd("\x00\x01\x7f\x80\xff\"\\{}[],:0-", 15);
        const auto at = below(input.size() + 1);
        const auto rest = input.size() - at;
        switch (below(6)) {
            case 0:
                input.resize(at);
                break;
            case 1:
                input.erase(at, 1 + below(8));
                break;
            case 2:
                input.insert(at, 1, odd[below(odd.size())]);
                break;
            case 3:
                input.insert(at, input.substr(below(at + 1), below(64)));
                break;
            case 4:
                if (rest > 0) input[at] = odd[below(odd.size())];
                break;
            default:
                if (rest > 0) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
                break;
        }
    }

    const std::vector<std::string>& corpus_;
    std::mt19937_64 random_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s CORPUS [SEED [MUTATIONS]]\n       %s FILE\n", argv[0],
                     argv[0]);
        return 2;
    }
    if (std::filesystem::is_regular_file(argv[1])) return run(content_of(argv[1])), 0;
    const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 20261121;
    const long mutations = argc > 3 ? std::strtol(argv[3], nullptr, 10) : 20000;
    const auto corpus = corpus_of(argv[1]);
    if (corpus.empty()) {
        std::fprintf(stderr, "%s: nothing there to replay\n", argv[1]);
        return 1;
    }
    std::printf("%zu inputs and %ld mutations, seed %llu\n", corpus.size(), mutations,
                static_cast<unsigned long long>(seed));
    std::fflush(stdout);  // so that the seed is known when an input aborts
    for (const auto& input : corpus) run(input);
    Mutator mutator(corpus, seed);
    for (long i = 0; i < mutations; ++i) run(mutator.next());
}
