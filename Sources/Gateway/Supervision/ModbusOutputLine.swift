import Logging
import Observations
import SensorDrivers

/// An output behind a serial line: its port's driver sends the commands among its polls, before any of them, and tells what
/// became of them.
final class ModbusOutputLine: OutputLine {
  let id: OutputID
  /// The port that it is behind.
  let port: PortID

  private let logger: Logger
  private weak var link: SerialLink?
  private var shouldBeOn: Bool
  /// How it stood when it was last read back.
  private var standing: Bool?
  private(set) var fault: FaultCause?
  var tellsState: ((FaultCause?) -> Void)?

  init(id: OutputID, settings: ModbusOutputSettings, logger: Logger) {
    self.id = id
    self.port = settings.port
    self.logger = logger
    shouldBeOn = settings.safe == .on
  }

  /// The port's driver takes commands from now on; it begins with the safe state.
  func attach(to link: SerialLink, at time: MonotonicTime) {
    self.link = link
    link.reports(to: self)
    link.command(id, on: shouldBeOn, at: time)
  }

  var isWaiting: Bool { standing != shouldBeOn && link?.fault == nil }
  var isGuarded: Bool? { nil }
  var nextDeadline: MonotonicTime? { nil }

  func set(_ on: Bool, at time: MonotonicTime) {
    // The device may have been switched since it was last read back.
    if on != shouldBeOn { standing = nil }
    shouldBeOn = on
    link?.command(id, on: on, at: time)
  }

  func wake(at time: MonotonicTime) {
    // Its port's driver keeps the time.
  }

  /// What became of a command, or of looking after it.
  func take(_ state: OutputReport.State) {
    switch state {
    case .standing(let on):
      if standing == nil { tellsState?(nil) }
      standing = on
      if fault != nil { logger.notice("The output \(id) can be switched again; it is \(on ? "on" : "off").") }
      fault = nil
    case .failed(let cause):
      standing = nil
      guard fault != cause else { return }
      fault = cause
      tellsState?(cause)
      logger.error("The output \(id) cannot be switched: \(cause). \(Self.advice(cause)) It is tried again.")
    }
  }

  private static func advice(_ cause: FaultCause) -> String {
    switch cause {
    case .timeout: "Its device does not answer: check its supply, its wires and `unit`."
    case .garbledReply: "Its device's answers are spoilt: check wires, termination, `baud` and `frame`."
    case .deviceException: "Its device refuses: check `coil` or `register` against its manual."
    case .notSwitched: "Its device said yes, and reads back otherwise: check `coil` or `register`, and its mode."
    case .wrongDevice: "Another device than `identity` says answers at its address."
    default: "Its port cannot be used."
    }
  }
}
