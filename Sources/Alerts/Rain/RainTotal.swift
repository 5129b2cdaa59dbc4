import Observations

/// The rain since counting began: survives a restart and never falls.
///
/// A driver counts from nothing each time it starts. A count below the last one says that it did, and what was counted
/// before is carried on.
struct RainTotal: Sendable {
  /// Saved after so many tips…
  static let tipsBetweenSaves: UInt64 = 20
  /// …or this long after the first that is not saved: what a power cut may cost, and thirty syncs an hour while it rains.
  static let timeBetweenSaves = TimeSpan.minutes(2)
  /// JMA's tipping bucket, where the configuration does not say.
  static let usualTip = Measure(thousandths: 500)
  /// More tips than any gauge lives to see: beyond it the total stands still instead of overflowing.
  static let mostTips: UInt64 = 1_000_000_000_000

  private let tip: Measure
  private(set) var carried: UInt64 = 0
  /// The driver's last count.
  private(set) var count: UInt64 = 0
  private var savedTips: UInt64 = 0
  private var unsavedSince: MonotonicTime?

  init(tip: Measure?) {
    self.tip = tip ?? Self.usualTip
  }

  /// Tips since counting began.
  var tips: UInt64 { min(carried + count, Self.mostTips) }

  /// Millimetres since counting began.
  var total: Measure {
    let product = tip.thousandths.multipliedReportingOverflow(by: Int64(tips))
    return Measure(thousandths: product.overflow ? .max : product.partialValue)
  }

  /// Takes the driver's count. Returns whether the total rose.
  mutating func take(_ newCount: UInt64, at time: MonotonicTime) -> Bool {
    let before = tips
    if newCount < count { carried = tips }
    count = min(newCount, Self.mostTips)
    guard tips > before else { return false }
    if unsavedSince == nil { unsavedSince = time }
    return true
  }

  /// Whether there are enough tips to save at once.
  var needsSaving: Bool { tips - savedTips >= Self.tipsBetweenSaves }

  /// When what is not saved must be, if anything is not.
  var saveDeadline: MonotonicTime? { unsavedSince.map { $0 + Self.timeBetweenSaves } }

  /// Everything up to now is saved.
  mutating func noteSaved() {
    savedTips = tips
    unsavedSince = nil
  }

  mutating func restore(_ memory: RainMemory) {
    carried = min(memory.carried, Self.mostTips)
    count = min(memory.count, Self.mostTips)
    savedTips = tips
  }
}

/// What a restart must know of a rain gauge.
struct RainMemory: Sendable, Hashable, Codable {
  var carried: UInt64
  /// The driver's last count.
  var count: UInt64
  /// The sums; absent in what an older version left behind.
  var record: RainGauge.Memory?
}
