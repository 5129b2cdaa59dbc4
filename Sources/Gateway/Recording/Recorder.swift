import Glibc
import Observations

/// Writes what the sensors say as `replay` reads it: a tag as its hash, and one that is not on the watch list not at all.
final class Recorder {
  private let path: String
  private let zone: TimeZoneOffsets
  private let clearIDs: Bool
  private var descriptor: Int32
  private var buffer: [UInt8] = []
  /// The quality that the recording last told.
  private var clock: ClockQuality?
  /// Why the recording ended before its time, once it did.
  private(set) var failure: String?

  /// Bytes that are gathered before they are written.
  private static let chunk = 16_384

  /// Creates the file, with a mode that only its owner can read; one that exists is not replaced.
  ///
  /// - Parameter clearIDs: record every tag's identifier in the clear.
  /// - Throws: `GatewayError` with 73 when the file cannot be created.
  init(
    path: String, gateway: String, configurationSHA256: String, zone: TimeZoneOffsets, clearIDs: Bool
  ) throws(GatewayError) {
    self.path = path
    self.zone = zone
    self.clearIDs = clearIDs
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    let code = errno
    guard descriptor >= 0 else {
      throw GatewayError(
        .cannotCreateOutput,
        "Failed to create the recording \(path): \(TextFile.reason(code)): name a new file in a folder that you may write"
      )
    }
    let header = RecordingLine.Content.header(gateway: gateway, configurationSHA256: configurationSHA256)
    RecordingLine(monotonic: nil, wall: nil, content: header).write(into: &buffer, zone: zone)
    flush()
  }

  deinit {
    flush()
    if descriptor >= 0 { close(descriptor) }
  }

  /// Appends one observation.
  func record(_ observation: Observation, at moment: Moment, matcher: TagMatcher) {
    guard descriptor >= 0, let content = content(of: observation, matcher: matcher) else { return }
    append(content, at: moment)
  }

  /// Appends an event beside the observations: `start`, `stop`, …
  func record(event: String, boot: String?, at moment: Moment) {
    append(.event(event, boot: boot), at: moment)
  }

  private func append(_ content: RecordingLine.Content, at moment: Moment) {
    let told = moment.clock == clock ? nil : moment.clock
    clock = moment.clock
    RecordingLine(monotonic: moment.monotonic, wall: moment.wall, clock: told, content: content)
      .write(into: &buffer, zone: zone)
    if buffer.count >= Self.chunk { flush() }
  }

  private func content(of observation: Observation, matcher: TagMatcher) -> RecordingLine.Content? {
    switch observation {
    case .reading(let sensor, let measure): return .reading(sensor, DecimalNumber(measure))
    case .contact(let sensor, let active): return .contact(sensor, active: active)
    case .tips(let sensor, let count): return .tips(sensor, count: count)
    case .alive(let sensor): return .alive(sensor)
    case .fault(let sensor, let cause): return .fault(sensor, cause)
    case .sighting(let sensor, let sighting):
      let tag: RecordedTag
      if clearIDs {
        tag = .clear(sighting.tag)
      } else if let hash = matcher.listedHash(of: sighting.tag) {
        tag = .hash(hash.hex)
      } else {
        return nil
      }
      return .sighting(
        sensor, tag, signal: sighting.signal, battery: sighting.battery, button: sighting.button)
    }
  }

  /// Writes what was gathered. A recording that cannot be written ends, is said once, and disturbs nothing else.
  func flush() {
    var written = 0
    while descriptor >= 0, written < buffer.count {
      let rest = Array(buffer[written...])
      let count = unsafe write(descriptor, rest, rest.count)
      let code = errno
      if count > 0 {
        written += count
      } else if code != EINTR {
        failure = "Failed to write the recording \(path): \(TextFile.reason(code)): make room on the disk"
        close(descriptor)
        descriptor = -1
      }
    }
    buffer.removeAll(keepingCapacity: true)
  }
}
