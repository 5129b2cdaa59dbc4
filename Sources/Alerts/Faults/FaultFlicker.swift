import Observations

/// Notices a sensor, a port with several, or an output whose fault comes and goes, such as one with a loose wire.
///
/// From the third fault within two hours on its alert stays, is said to be unstable once, and ends only when all was sound
/// for half an hour. What is sound counts as sound at once: only the alert waits.
struct FaultFlicker: Sendable {
  /// What a restart must know.
  struct Memory: Sendable, Hashable, Codable {
    var rises: [FlapWatch.Rise]
    var isSaid: Bool
    /// Only where the run stopped in order: after a power cut the sensor must show anew that it is sound.
    var soundSince: MonotonicTime?
  }

  private var flapping = FlapWatch()
  /// Since when the sensor is sound while its alert stays.
  private(set) var soundSince: MonotonicTime?
  /// Whether people were told that it comes and goes.
  var isSaid = false

  /// Whether the alert stays when the sensor is sound again.
  var isUnstable: Bool { flapping.isUnstable }

  /// When the alert ends if nothing happens before.
  var deadline: MonotonicTime? { soundSince.map { $0 + FlapWatch.longHold } }

  /// The fault was told.
  mutating func raised(_ kind: AlertKind, at time: MonotonicTime) {
    _ = flapping.rose(kind, over: 0...0, at: time)
  }

  /// The sensor is faulty, again.
  mutating func fell() {
    soundSince = nil
  }

  /// The sensor is sound again. Returns whether its alert stays.
  mutating func recovered(at time: MonotonicTime) -> Bool {
    guard isUnstable else { return false }
    soundSince = time
    return true
  }

  /// Nil where nothing is worth remembering.
  var memory: Memory? {
    flapping.rises.isEmpty ? nil : Memory(rises: flapping.rises, isSaid: isSaid, soundSince: soundSince)
  }

  /// Goes on from an earlier run; the book says whether the alert is active.
  mutating func restore(
    _ memory: Memory, isRaised: Bool, rises shift: (MonotonicTime) -> MonotonicTime,
    sound: (MonotonicTime) -> MonotonicTime
  ) {
    let isUnstable = isRaised && memory.rises.count >= FlapWatch.usualRises
    flapping.restore(memory.rises, isUnstable: isUnstable, shift: shift)
    isSaid = isUnstable && memory.isSaid
    soundSince = isUnstable ? memory.soundSince.map(sound) : nil
  }
}
