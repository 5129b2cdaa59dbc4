import Gateway

/// Life after life, and what came of them.
struct Survey {
  let options: Options
  let watchList: WatchList

  /// - Returns: whether all invariants held in every life.
  func run() -> Bool {
    var totals = Totals()
    let clock = ContinuousClock()
    let start = clock.now
    var seed = options.seeds.lowerBound
    while options.seconds != nil || seed <= options.seeds.upperBound {
      if let seconds = options.seconds, (clock.now - start) / .seconds(1) >= seconds { break }
      let life = Life(seed: seed, hours: options.hours, plant: options.plant, watchList: watchList)
      let breach = life.live()
      totals.add(life)
      if let breach {
        print("seed \(seed), \(options.hours) hours: \(breach)")
        replay(seed)
        return false
      }
      seed += 1
    }
    let seconds = (clock.now - start) / .seconds(1)
    totals.report(first: options.seeds.lowerBound, seconds: seconds)
    return repeats(options.seeds.lowerBound)
  }

  /// The same seed once more, with a note of all that happens.
  private func replay(_ seed: UInt64) {
    let life = Life(seed: seed, hours: options.hours, plant: options.plant, watchList: watchList, isTracing: true)
    let breach = life.live()
    for line in life.trace.suffix(100) { print(line) }
    if breach == nil { print("The same seed does not break it again: that is a fault of the simulation") }
    print("again: mimamori-virtual-time --seeds \(seed)..\(seed) --hours \(options.hours)")
  }

  /// A seed is a life: lived twice it is the same.
  private func repeats(_ seed: UInt64) -> Bool {
    let digests = (0..<2).map { _ in
      let life = Life(seed: seed, hours: options.hours, plant: options.plant, watchList: watchList)
      _ = life.live()
      return life.judge.digest
    }
    print("seed \(seed) twice: \(digests.map { String($0, radix: 16) }.joined(separator: " and "))")
    return digests[0] == digests[1]
  }
}

/// What happened in all lives together.
struct Totals {
  private var lives = 0
  private var hours = 0.0
  private var starts = 0
  private var startsReadingOnly = 0
  private var startsWithoutPast = 0
  private var raised = 0
  private var arrivals = 0
  private var duplicates = 0
  private var notKept = 0
  private var frozenTwice = 0
  private var faults: [WorldFault: Int] = [:]
  private var digest: UInt64 = 0

  mutating func add(_ life: Life) {
    lives += 1
    hours += Double(life.clock.now) / Double(Int64.hour)
    starts += life.boots
    startsReadingOnly += life.bootsReadingOnly
    startsWithoutPast += life.bootsWithoutPast
    raised += life.judge.raisedCount
    arrivals += life.judge.arrivals
    duplicates += life.judge.duplicates
    notKept += life.judge.notKept
    frozenTwice += life.judge.frozenTwice
    faults.merge(life.world.faults) { $0 + $1 }
    digest = digest &* 0x100_0000_01b3 ^ life.judge.digest
  }

  func report(first: UInt64, seconds: Double) {
    print(
      "\(lives) lives from seed \(first) on, \(Int(hours)) hours, in \(Int(seconds)) s: \(Int(hours / seconds)) h/s")
    print("\(raised) messages raised, \(arrivals) arrivals, of these \(duplicates) duplicates")
    print(
      "\(starts) starts of the gateway, \(startsReadingOnly) of them with a ledger that could only be read, "
        + "\(startsWithoutPast) without any")
    print("\(notKept) messages of a process that was killed before it could write or send them: never raised")
    print("\(frozenTwice) messages with another time of sending after a kill while the ledger failed")
    for fault in WorldFault.allCases { print("\(faults[fault] ?? 0)\t\(fault.rawValue)") }
    print("\(faults.values.reduce(0, +))\tfaults in all; digest \(String(digest, radix: 16))")
  }
}

/// Each invariant is shown to be able to fail.
struct Proof {
  private static let seeds: ClosedRange<UInt64> = 1...12

  let watchList: WatchList

  /// - Returns: whether each planted fault was found by its invariant, and by no other before it.
  func run() -> Bool {
    var isWhole = true
    for plant in PlantedFault.allCases where plant != .forgottenRevisions {
      var found: (seed: UInt64, breach: Breach)?
      for seed in Self.seeds where found == nil {
        let life = Life(seed: seed, hours: 60, plant: plant, watchList: watchList)
        found = life.live().map { (seed, $0) }
      }
      if let found, found.breach.invariant == plant.invariant {
        print("found, seed \(found.seed): \(plant.rawValue)\n  \(found.breach)")
      } else {
        isWhole = false
        print("NOT FOUND by its invariant: \(plant.rawValue)\n  \(found.map { "\($0.breach)" } ?? "nothing is broken")")
      }
    }
    let missing = Set(Invariant.allCases).subtracting(PlantedFault.allCases.map(\.invariant))
    for invariant in missing { print("NOT PROVEN: \(invariant.rawValue)") }
    return isWhole && missing.isEmpty
  }
}
