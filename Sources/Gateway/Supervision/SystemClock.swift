import Glibc
public import Observations

/// The board's clocks, read together: the only place of the gateway where time comes from.
///
/// Wall time is the monotonic time plus an offset that is held still until the clock has moved by more than
/// `stepThreshold`. So two observations are as far apart on the wall as they are on the monotonic clock, and a
/// recording replays to the same times.
public struct SystemClock {
  /// A difference of the wall clock below this is slew, followed quietly; from this on it is a step.
  public static let stepThreshold = TimeSpan.milliseconds(50)

  /// A monotonic clock and the system's wall clock as they read at one instant.
  public typealias Reader = () -> (monotonic: MonotonicTime, wallNanoseconds: Int64)

  /// Whether the system's wall clock can be trusted.
  public typealias QualityReader = () -> ClockQuality

  private let read: Reader
  private let readQuality: QualityReader
  /// Asked where no time server keeps the kernel's clock.
  private let satellites: SatelliteClock?
  private var offsetNanoseconds: Int64
  private var kernelQuality: ClockQuality
  /// How far the wall clock could be trusted when it was read last.
  public private(set) var quality: ClockQuality
  private var qualityIsDue: MonotonicTime

  /// How often the wall clock was seen to step since the start.
  public private(set) var steps = 0

  /// A clock over the kernel's, or over `read` and `quality` in a test.
  public init(
    read: @escaping Reader = SystemClock.kernel, quality: @escaping QualityReader = SystemClock.kernelQuality
  ) {
    self.init(read: read, quality: quality, satellites: nil)
  }

  init(
    read: @escaping Reader = SystemClock.kernel, quality: @escaping QualityReader = SystemClock.kernelQuality,
    satellites: SatelliteClock?
  ) {
    self.read = read
    readQuality = quality
    self.satellites = satellites
    let (monotonic, wall) = read()
    offsetNanoseconds = wall - monotonic.nanoseconds
    kernelQuality = quality()
    self.quality = kernelQuality
    qualityIsDue = monotonic + .seconds(10)
  }

  /// Reads both clocks. Notices a step of the wall clock.
  public mutating func now() -> Moment {
    let (monotonic, wall) = read()
    if monotonic >= qualityIsDue {
      kernelQuality = readQuality()
      qualityIsDue = monotonic + .seconds(10)
    }
    var offset = wall - monotonic.nanoseconds
    quality = kernelQuality
    if quality != .synchronized, let told = satellites?.offset(at: monotonic) {
      offset = told
      quality = .synchronized
    }
    if abs(offset - offsetNanoseconds) > Self.stepThreshold.nanoseconds {
      offsetNanoseconds = offset
      steps += 1
    }
    return moment(at: monotonic)
  }

  /// The moment of a time on the monotonic clock that was not long ago, such as a kernel's time stamp.
  public func moment(at monotonic: MonotonicTime) -> Moment {
    let wall = (monotonic.nanoseconds + offsetNanoseconds) / 1_000_000
    return Moment(monotonic: monotonic, wall: WallTime(milliseconds: wall), clock: quality)
  }

  /// Whether the wall clock was set, or is trusted more or less, since it had stepped `steps` times and was trusted as
  /// `quality` says. A recording notes both as `clock_step`.
  func hasChanged(since steps: Int, _ quality: ClockQuality) -> Bool {
    self.steps != steps || self.quality != quality
  }

  /// CLOCK_MONOTONIC and CLOCK_REALTIME.
  public static func kernel() -> (monotonic: MonotonicTime, wallNanoseconds: Int64) {
    (MonotonicTime(nanoseconds: nanoseconds(of: CLOCK_MONOTONIC)), nanoseconds(of: CLOCK_REALTIME))
  }

  private static func nanoseconds(of clock: clockid_t) -> Int64 {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  /// The kernel knows whether an NTP client keeps the clock; without one, a board whose clock chip is right is better off.
  public static func kernelQuality() -> ClockQuality { KernelClock.board.quality }
}

/// What tells this boot of the machine apart from every other.
public enum Boot {
  /// The kernel's random id of this boot.
  ///
  /// - Throws: `GatewayError` when `/proc` is not mounted.
  public static func identifier() throws(GatewayError) -> String {
    let path = "/proc/sys/kernel/random/boot_id"
    guard let text = TextFile.read(path, limit: 64) else {
      throw GatewayError(.bug, "Failed to read \(path): mount /proc and start again")
    }
    return String(text.prefix { !$0.isWhitespace })
  }
}
