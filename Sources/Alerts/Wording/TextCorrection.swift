import Observations

/// Puts the right times into a text that was written while the clock deserved less trust, and takes out the sentence that
/// says so.
///
/// A text has no mark where its times stand: they are found as they were written. A name that holds such a time is left
/// as it is.
struct TextCorrection {
  private struct Replacement {
    var old: [UInt8]
    var new: [UInt8]
    /// A time must not be a part of a longer number.
    var isTime: Bool
  }

  /// The longest first: a time of another day holds that of any day.
  private let replacements: [Replacement]
  private let names: [[UInt8]]

  /// - Parameters:
  ///   - times: first when the message was made, then the others that the text may name.
  ///   - clock: how far the new times can be trusted.
  ///   - names: what of the message's own names may stand in the text, written as there.
  ///   - escape: how a text is written there.
  init(
    _ wording: Wording, _ language: String, times: [(old: WallTime, new: WallTime)], clock: ClockQuality,
    names: [String?], escape: (String) -> [UInt8]
  ) {
    var replacements: [Replacement] = []
    func replace(_ old: String, by new: String, isTime: Bool) {
      let old = escape(old)
      guard !replacements.contains(where: { $0.old == old }) else { return }
      replacements.append(Replacement(old: old, new: escape(new), isTime: isTime))
    }
    if clock != .unsynchronized { replace(wording.clockNote(.unsynchronized, language), by: "", isTime: false) }
    if let made = times.first {
      replace(wording.clock(made.old, language), by: wording.clock(made.new, language), isTime: true)
      // Of two that were written alike the earlier: no text may tell of what is to come.
      for time in times.sorted(by: { $0.new < $1.new }) {
        replace(
          wording.time(time.old, seenFrom: made.old, language),
          by: wording.time(time.new, seenFrom: made.new, language), isTime: true)
      }
    }
    self.replacements = replacements.sorted { $0.old.count > $1.old.count }
    let known = names.compactMap { $0.map { Array($0.utf8) } } + wording.fixedNames.map(escape)
    self.names = known.filter { $0.contains(where: Self.isDigit) }.sorted { $0.count > $1.count }
  }

  func apply(to text: ArraySlice<UInt8>) -> [UInt8] {
    var corrected: [UInt8] = []
    corrected.reserveCapacity(text.count + 32)
    var rest = text
    while let next = rest.first {
      if let name = names.first(where: { rest.starts(with: $0) }) {
        corrected += name
        rest = rest.dropFirst(name.count)
      } else if let found = replacements.first(where: { fits($0, rest, after: corrected.last) }) {
        corrected += found.new
        rest = rest.dropFirst(found.old.count)
      } else {
        corrected.append(next)
        rest = rest.dropFirst()
      }
    }
    return corrected
  }

  private func fits(_ replacement: Replacement, _ rest: ArraySlice<UInt8>, after last: UInt8?) -> Bool {
    guard rest.starts(with: replacement.old) else { return false }
    guard replacement.isTime else { return true }
    let follower = rest.dropFirst(replacement.old.count).first
    return !(last.map(Self.isDigit) ?? false) && !(follower.map(Self.isDigit) ?? false)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
