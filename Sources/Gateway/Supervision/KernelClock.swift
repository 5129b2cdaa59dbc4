import CLinux
import Glibc
import Locks
import Observations

/// How far the kernel's wall clock can be trusted: a time server's client keeps it, the board's clock chip does, or nobody.
///
/// A chip whose battery is empty, or that never had one, is there all the same. The clock then begins in 1970 or in 2000,
/// or where the system last wrote it down: a chip alone proves nothing. It is judged once, as the gateway starts, and not
/// while it senses, since its time is read over a slow bus. Once a time server's client has kept the clock in this run the
/// chip counts, since the kernel sets it then.
final class KernelClock: Sendable {
  /// The board's chip, as programs see it.
  struct Chip: Sendable {
    /// Whether there is one.
    var isThere: @Sendable () -> Bool
    /// Its own time; nil where it cannot be read.
    var time: @Sendable () -> WallTime?
  }

  /// 2026-01-01T00:00:00Z: this program is younger, so that an earlier time is wrong.
  static let earliestPlausible = WallTime(milliseconds: 1_767_225_600_000)
  /// How far a chip and the clock that was set by it may be apart at the boot: a chip knows whole seconds, and reading it
  /// takes time.
  static let tolerance = TimeSpan.minutes(1)
  /// And since the boot: a clock that nobody corrects drifts from the chip by far less than one second in so many.
  static let secondsPerSecondOfDrift: Int64 = 2000

  /// The one of this board, whose chip is judged at its first use.
  static let board = KernelClock(
    isSynchronized: { mimamori_clock_is_synchronized() == 1 }, chip: .first,
    now: WallTime(milliseconds: SystemClock.kernel().wallNanoseconds / 1_000_000),
    uptime: SystemClock.kernel().monotonic - MonotonicTime(nanoseconds: 0))

  private let isSynchronized: @Sendable () -> Bool
  private let chip: Chip
  private let isChipTrusted: Locked<Bool>

  /// Judges `chip` by the wall clock, which shows `now`, `uptime` after the boot.
  init(isSynchronized: @escaping @Sendable () -> Bool, chip: Chip, now: WallTime, uptime: TimeSpan) {
    self.isSynchronized = isSynchronized
    self.chip = chip
    var isTrusted = false
    if now >= Self.earliestPlausible, chip.isThere(), let time = chip.time() {
      let drift = TimeSpan(nanoseconds: uptime.nanoseconds / Self.secondsPerSecondOfDrift)
      isTrusted = (time - now).nanoseconds.magnitude <= (Self.tolerance + drift).nanoseconds.magnitude
    }
    isChipTrusted = Locked(isTrusted)
  }

  /// How far the clock can be trusted now.
  var quality: ClockQuality {
    if isSynchronized() {
      isChipTrusted.withLock { $0 = true }
      return .synchronized
    }
    return isChipTrusted.withLock { $0 } && chip.isThere() ? .rtc : .unsynchronized
  }
}

extension KernelClock.Chip {
  /// The chip that the kernel sets its clock by at the start.
  static let first = KernelClock.Chip(
    isThere: { unsafe access("/dev/rtc0", F_OK) == 0 },
    time: {
      guard let text = TextFile.read("/sys/class/rtc/rtc0/since_epoch", limit: 64),
        let seconds = Int64(text.prefix { !$0.isWhitespace })
      else { return nil }
      return WallTime(milliseconds: seconds.multipliedReportingOverflow(by: 1000).partialValue)
    })
}
