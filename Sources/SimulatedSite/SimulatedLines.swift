public import Observations
public import SensorDrivers

/// Sensors that speak in lines of text, all on one port: those that are asked answer, the others talk once a second.
public struct SimulatedLines: SimulatedDevice {
  /// Sensors with one pattern and one question share a line, each with a number of its own.
  private struct Line {
    let pattern: LinePattern
    let request: [UInt8]?
    var points: [Point]
    var isSilent = false
    var isGarbled = false
  }

  private struct Point {
    let point: LinePoint
    var level: SimulatedLevel
  }

  private var lines: [Line] = []
  private let end: [UInt8]
  private var input: [UInt8] = []
  private var nextLine: MonotonicTime?

  private static let interval = TimeSpan.seconds(1)
  /// A question has at most 64 bytes: what is older belongs to none.
  private static let inputLimit = 256

  /// - Parameters:
  ///   - terminator: what ends a line; empty: a carriage return and a line feed.
  ///   - levelMetres: where each sensor stands, in the unit of its quantity.
  public init(points: [LinePoint], terminator: [UInt8], levelMetres: Double, at time: MonotonicTime) {
    end = terminator.isEmpty ? [0x0D, 0x0A] : terminator
    for point in points {
      let new = Point(point: point, level: SimulatedLevel(metres: levelMetres))
      if let index = lines.firstIndex(where: { $0.pattern == point.pattern && $0.request == point.poll?.request }) {
        lines[index].points.append(new)
      } else {
        lines.append(Line(pattern: point.pattern, request: point.poll?.request, points: [new]))
      }
    }
    if lines.contains(where: { $0.request == nil }) { nextLine = time + Self.interval }
  }

  public var nextDeadline: MonotonicTime? { nextLine }

  public mutating func received(_ bytes: [UInt8], at time: MonotonicTime, answer: inout [UInt8]) {
    for byte in bytes {
      if input.count == Self.inputLimit { input.removeFirst() }
      input.append(byte)
      for line in lines {
        guard let request = line.request, input.suffix(request.count) == request[...] else { continue }
        input.removeAll(keepingCapacity: true)
        say(line, at: time, into: &answer)
      }
    }
  }

  public mutating func wake(at time: MonotonicTime, answer: inout [UInt8]) {
    guard let due = nextLine else { return }
    nextLine = max(due + Self.interval, time)
    for line in lines where line.request == nil { say(line, at: time, into: &answer) }
  }

  private func say(_ line: Line, at time: MonotonicTime, into answer: inout [UInt8]) {
    guard !line.isSilent else { return }
    var values = [Double](repeating: 0, count: line.pattern.fields.count)
    for point in line.points where values.indices.contains(point.point.field) {
      let value = point.level.metres(at: time)
      values[point.point.field] = (value - point.point.offset) / point.point.scale
    }
    // No pattern fits a lone question mark: each has a number.
    answer += line.isGarbled ? [UInt8(ascii: "?")] : line.pattern.line(of: values)
    answer += end
  }

  public mutating func apply(_ setting: Scenario.Setting, to sensor: String, at time: MonotonicTime) {
    for line in lines.indices {
      for index in lines[line].points.indices where lines[line].points[index].point.sensor.text == sensor {
        switch setting {
        case .level(let metres, let over): lines[line].points[index].level.move(to: metres, over: over, from: time)
        case .silent(let silent): lines[line].isSilent = silent
        case .garbled(let garbled): lines[line].isGarbled = garbled
        default: break
        }
      }
    }
  }
}
