import Observations
import SensorDrivers

/// What went over a wire, and what a driver was told beside it.
extension RecordingMembers {
  func portContent(_ port: PortID) throws(RecordingProblem) -> RecordingLine.Content {
    if let frames, received == nil, sent == nil {
      return .frames(port, lengths: frames, errors: Int(errors?.whole(in: 0...Int64(Int32.max)) ?? 0))
    }
    guard let hex = received ?? sent, received == nil || sent == nil, hex.utf8.count % 2 == 0,
      hex.utf8.allSatisfy({ Hexadecimal.value($0) != nil })
    else { throw RecordingProblem("a line with \"port\" needs \"rx\" or \"tx\" with pairs of hexadecimal digits") }
    return received != nil ? .rawBytes(port, hex: hex) : .sentBytes(port, hex: hex)
  }

  func portCall(_ event: String) throws(RecordingProblem) -> RecordingLine.Call {
    switch event {
    case "opened": return .opened
    case "woken": return .woken
    case "failed": return .failed(try failure())
    case "commanded":
      guard let output, let on else {
        throw RecordingProblem("a port that is \"commanded\" needs its \"output\" and \"on\": true or false")
      }
      return .commanded(OutputID(output), on: on)
    default:
      throw RecordingProblem("the \"event\" of a port is \"opened\", \"woken\", \"commanded\" or \"failed\"")
    }
  }

  func lineCall(_ event: String) throws(RecordingProblem) -> RecordingLine.Call {
    switch event {
    case "woken": return .woken
    case "failed": return .failed(try failure())
    case "opened":
      let levels = try lineLevels()
      guard let lines, lines.count == levels.count else {
        throw RecordingProblem("\"lines\" has as many numbers as \"levels\"")
      }
      return .linesOpened(
        GPIOLinesOpened(offsets: lines.map { UInt32($0) }, levels: levels, isDebounced: filtered ?? false))
    case "levels": return .levels(try lineLevels())
    default:
      throw RecordingProblem("the \"event\" of a sensor is \"opened\", \"levels\", \"woken\" or \"failed\"")
    }
  }

  private func lineLevels() throws(RecordingProblem) -> [Bool] {
    guard let levels, (1...64).contains(levels.count), levels.allSatisfy({ $0 <= 1 }) else {
      throw RecordingProblem("\"levels\" is a list of 1 for each active line and 0 for each other")
    }
    return levels.map { $0 == 1 }
  }

  private func failure() throws(RecordingProblem) -> FaultCause {
    guard let cause else { throw RecordingProblem("a \"failed\" needs its \"cause\"") }
    return FaultCause(rawValue: cause)
  }
}
