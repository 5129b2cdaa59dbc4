import Alerts
import Glibc
import Logging
import Observations
import SensorDrivers

/// What a recording is to hold, and where.
public struct RecordingRequest: Sendable, Hashable {
  /// A new file.
  public var path: String
  /// Also what went over the wires: bytes, edges, and each call of a driver, so that a replay goes through the codecs.
  public var isRaw: Bool
  /// Every tag's identifier in the clear, and the bytes of Bluetooth ports.
  public var clearIDs: Bool

  public init(path: String, isRaw: Bool = false, clearIDs: Bool = false) {
    self.path = path
    self.isRaw = isRaw
    self.clearIDs = clearIDs
  }
}

/// Writes what the sensors say as `replay` reads it: a tag as its hash, and one that is not on the watch list not at all.
final class Recorder {
  /// What may wait for the disk at most: a minute of 300 tags a second.
  static let limit = 4 << 20

  let request: RecordingRequest
  private let zone: TimeZoneOffsets
  private let logger: Logger
  private let writer: RecordingWriter
  private var line: [UInt8] = []
  /// The quality that the recording last told.
  private var clock: ClockQuality?
  /// Lines that had no room since the last one that had.
  private var dropped = 0

  /// Creates the file, with a mode that only its owner can read; one that exists is not replaced.
  ///
  /// - Throws: `GatewayError` with 73 when the file cannot be created.
  init(
    _ request: RecordingRequest, gateway: String, configurationSHA256: String, zone: TimeZoneOffsets, logger: Logger,
    limit: Int = Recorder.limit
  ) throws(GatewayError) {
    self.request = request
    self.zone = zone
    self.logger = logger
    let path = request.path
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    let code = errno
    guard descriptor >= 0 else {
      throw GatewayError(
        .cannotCreateOutput,
        "Failed to create the recording \(path): \(TextFile.reason(code)): name a new file in a folder that you may write"
      )
    }
    writer = try RecordingWriter(descriptor: descriptor, path: path, limit: limit, logger: logger)
    if request.clearIDs {
      logger.warning(
        "\(path) holds tags' identifiers in the clear: keep it to yourself, and delete it when it has served")
    }
    let header = RecordingLine.Content.header(gateway: gateway, configurationSHA256: configurationSHA256)
    append(RecordingLine(monotonic: nil, wall: nil, content: header))
  }

  /// Why the recording ended before its time, once it did.
  var failure: String? { writer.failure }

  /// Appends one observation.
  func record(_ observation: Observation, at moment: Moment, matcher: TagMatcher) {
    guard let content = content(of: observation, matcher: matcher) else { return }
    append(content, at: moment)
  }

  /// Appends whether an output can be switched.
  func record(_ output: OutputID, cannotBeSwitched cause: FaultCause?, at moment: Moment) {
    append(.output(output, cause), at: moment)
  }

  /// Appends what is wrong with the ledger.
  func record(ledger cause: FaultCause?, at moment: Moment) {
    append(.ledger(cause), at: moment)
  }

  /// Appends how long a certificate lasts.
  func record(_ certificate: BoardCertificate, _ cause: FaultCause?, at moment: Moment) {
    append(.certificate(certificate, cause), at: moment)
  }

  /// Appends an event beside the observations: `start`, `stop`, …
  func record(event: String, boot: String? = nil, at moment: Moment) {
    append(.event(event, boot: boot), at: moment)
  }

  /// Appends a command; `tag` of a search: the keyed hash of the tag, never its identifier.
  func record(_ command: Command, tag: String?, at moment: Moment) {
    append(.command(command, tag: tag), at: moment)
  }

  /// Appends a call of a driver. `moment` is its time, or a later one where that would go back.
  func record(_ call: DriverCall, of source: DriverSource, at moment: Moment) {
    let content: RecordingLine.Content
    switch (call.event, source) {
    case (.received(let bytes), .port(let port)): content = .rawBytes(port, hex: Hexadecimal.text(of: bytes.span))
    case (.sent(let bytes), .port(let port)): content = .sentBytes(port, hex: Hexadecimal.text(of: bytes.span))
    case (.heard(let lengths, let errors), .port(let port)): content = .frames(port, lengths: lengths, errors: errors)
    case (.opened, _): content = .call(source, .opened)
    case (.failed(let cause), _): content = .call(source, .failed(cause))
    case (.woken, _): content = .call(source, .woken)
    case (.commanded(let output, let on), _): content = .call(source, .commanded(output, on: on))
    case (.linesOpened(let lines), _): content = .call(source, .linesOpened(lines))
    case (.levels(let levels), _): content = .call(source, .levels(levels))
    case (.edge(let edge), .line(let sensor)):
      content = .rawEdge(
        sensor, rising: edge.isRising, sequence: UInt64(edge.lineSequence), line: edge.offset,
        stamp: edge.time == moment.monotonic ? nil : edge.time)
    default: return
    }
    append(content, at: moment, called: call.time == moment.monotonic ? nil : call.time)
  }

  /// Writes what waits and closes the file.
  func finish() {
    if dropped > 0 { logger.warning("\(dropped) lines are missing at the end of \(request.path)") }
    writer.finish()
  }

  private func append(_ content: RecordingLine.Content, at moment: Moment, called: MonotonicTime? = nil) {
    if dropped > 0 {
      let gap = RecordingLine(
        monotonic: moment.monotonic, wall: moment.wall, content: .gap(lines: dropped))
      guard write(gap) else {
        dropped += 1
        return
      }
      logger.warning("\(dropped) lines are missing in \(request.path): the disk is too slow")
      dropped = 0
      clock = nil
    }
    let told = moment.clock == clock ? nil : moment.clock
    clock = moment.clock
    append(
      RecordingLine(monotonic: moment.monotonic, wall: moment.wall, clock: told, called: called, content: content))
  }

  private func append(_ line: RecordingLine) {
    guard !write(line), writer.failure == nil else { return }
    if dropped == 0 { logger.warning("Lines of \(request.path) are dropped: the disk does not keep up") }
    dropped += 1
  }

  private func write(_ line: RecordingLine) -> Bool {
    self.line.removeAll(keepingCapacity: true)
    line.write(into: &self.line, zone: zone)
    return writer.append(self.line)
  }

  private func content(of observation: Observation, matcher: TagMatcher) -> RecordingLine.Content? {
    switch observation {
    case .reading(let sensor, let measure): return .reading(sensor, DecimalNumber(measure))
    case .contact(let sensor, let active): return .contact(sensor, active: active)
    case .tips(let sensor, let count): return .tips(sensor, count: count)
    case .position(let sensor, let fix): return .position(sensor, fix)
    case .alive(let sensor): return .alive(sensor)
    case .fault(let sensor, let cause): return .fault(sensor, cause)
    case .sighting(let sensor, let sighting):
      let tag: RecordedTag
      // What a rotating tag sends means nothing later: it has its hash in any recording.
      if let hash = matcher.listedHash(of: sighting.tag), !request.clearIDs || sighting.tag.format.isRotating {
        tag = .hash(hash.hex)
      } else if request.clearIDs {
        tag = .clear(sighting.tag)
      } else {
        return nil
      }
      return .sighting(
        sensor, tag, signal: sighting.signal, battery: sighting.battery, button: sighting.button)
    }
  }
}
