import Glibc

/// The figures of `make bench` that need no operating system: how fast the pure code is, on one core.
///
/// Prints one line a figure: name, median, least and greatest of its rate, and repetitions, with a tab between them.
@main
enum Benchmarks {
  static func main() {
    let arguments = CommandLine.arguments
    do {
      if arguments.count == 1 {
        try receiverFigures()
        try readingFigures()
      } else if arguments.count == 4, arguments[1] == "record", let lines = Int(arguments[3]), lines > 0 {
        try RecordedReadings.write(lines, to: arguments[2])
      } else {
        print("usage: mimamori-benchmarks [record FILE LINES]")
        exit(EX_USAGE)
      }
    } catch {
      print("Failed to measure: \(error)")
      exit(EX_SOFTWARE)
    }
  }
}

/// Something that a benchmark needs and did not get.
struct BenchmarkFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}

/// Random numbers that are the same in each run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    return word ^ word >> 31
  }
}

/// How many times a second something was done, over several repetitions.
struct Rates {
  private var perSecond: [Double] = []

  /// Runs `body` once unmeasured and then `repetitions` times. It returns how many things it did.
  static func measure(repetitions: Int = 9, _ body: () throws -> Int) rethrows -> Rates {
    var rates = Rates()
    let clock = ContinuousClock()
    _ = try body()
    for _ in 0..<repetitions {
      let start = clock.now
      let count = try body()
      rates.perSecond.append(Double(count) / ((clock.now - start) / .seconds(1)))
    }
    return rates
  }

  func report(_ name: String) {
    let sorted = perSecond.sorted().map { "\(Int($0))" }
    print("\(name)\t\(sorted[sorted.count / 2])\t\(sorted[0])\t\(sorted[sorted.count - 1])\t\(sorted.count)")
  }
}
