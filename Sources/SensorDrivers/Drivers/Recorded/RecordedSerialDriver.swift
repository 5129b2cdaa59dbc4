public import Observations

/// A serial driver whose calls are noted in its actions, for a recording. It does what the driver inside does.
public struct RecordedSerialDriver: SerialDriver {
  private var driver: any SerialDriver
  /// Set where bytes are not to be kept: on a port that hears people's tags.
  private var frames: HeardFrames?

  /// - Parameter keepsBytes: false where the bytes may say who was near: only the lengths of frames and the errors are
  ///   noted then.
  public init(_ driver: any SerialDriver, keepsBytes: Bool) {
    self.driver = driver
    frames = keepsBytes ? nil : HeardFrames()
  }

  public var sensors: [SensorID] { driver.sensors }
  public var counters: PortCounters { driver.counters }
  public var nextDeadline: MonotonicTime? { driver.nextDeadline }

  public mutating func opened(at time: MonotonicTime, into actions: inout DriverActions) {
    let sent = begin(.opened, at: time, &actions)
    driver.opened(at: time, into: &actions)
    end(sent, at: time, &actions)
  }

  public mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    let sent = begin(.failed(cause), at: time, &actions)
    driver.failed(cause, at: time, into: &actions)
    end(sent, at: time, &actions)
  }

  public mutating func received(_ bytes: Span<UInt8>, at time: MonotonicTime, into actions: inout DriverActions) {
    let sent: Int
    if frames == nil {
      var kept: [UInt8] = []
      kept.reserveCapacity(bytes.count)
      for index in bytes.indices { kept.append(bytes[index]) }
      sent = begin(.received(kept), at: time, &actions)
    } else {
      sent = actions.transmit.count
      if let heard = frames?.take(bytes, at: time) { actions.calls.append(DriverCall(time: time, event: heard)) }
    }
    driver.received(bytes, at: time, into: &actions)
    end(sent, at: time, &actions)
  }

  public mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    let sent = begin(.woken, at: time, &actions)
    driver.wake(at: time, into: &actions)
    end(sent, at: time, &actions)
  }

  public mutating func command(
    _ output: OutputID, on: Bool, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    let sent = begin(.commanded(output, on: on), at: time, &actions)
    driver.command(output, on: on, at: time, into: &actions)
    end(sent, at: time, &actions)
  }

  /// Notes the call, and returns how much waits to be sent before it.
  private func begin(_ event: DriverCall.Event, at time: MonotonicTime, _ actions: inout DriverActions) -> Int {
    if frames == nil { actions.calls.append(DriverCall(time: time, event: event)) }
    return actions.transmit.count
  }

  private func end(_ sent: Int, at time: MonotonicTime, _ actions: inout DriverActions) {
    guard frames == nil, actions.transmit.count > sent else { return }
    actions.calls.append(DriverCall(time: time, event: .sent(Array(actions.transmit[sent...]))))
  }
}

/// Measures the frames of a Bluetooth controller without keeping them.
private struct HeardFrames: Sendable {
  /// The rest of a packet that is not there after so long does not come any more.
  private static let partialTimeout = TimeSpan.milliseconds(250)

  private var splitter = H4Splitter()
  private var lastByte: MonotonicTime?

  /// What these bytes completed; nil when nothing can be said yet.
  mutating func take(_ bytes: Span<UInt8>, at time: MonotonicTime) -> DriverCall.Event? {
    let errors = splitter.resynchronisations
    var lengths: [Int] = []
    if let lastByte, time - lastByte > Self.partialTimeout {
      while splitter.hasPartialPacket {
        splitter.abandonPartialPacket()
        while let packet = splitter.next() { lengths.append(packet.count) }
      }
    }
    lastByte = time
    var taken = 0
    while taken < bytes.count {
      taken += splitter.append(bytes, from: taken)
      while let packet = splitter.next() { lengths.append(packet.count) }
    }
    let found = Int(splitter.resynchronisations - errors)
    return lengths.isEmpty && found == 0 ? nil : .heard(lengths: lengths, errors: found)
  }
}
