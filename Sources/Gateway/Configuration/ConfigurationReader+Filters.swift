import Alerts
import Observations

/// `filters` of a `[[sensor]]`: an array of tables with one key each, in ESPHome's words.
extension ConfigurationReader {
  static let mostFilters = 16
  static let mostInWindow = 500
  private static let mostPoints = 64

  private enum FilterName: String, CaseIterable {
    case median
    case slidingWindowMovingAverage = "sliding_window_moving_average"
    /// A shorter name for the same.
    case slidingWindowAverage = "sliding_window_average"
    case exponentialMovingAverage = "exponential_moving_average"
    case delta, clamp
    case calibrateLinear = "calibrate_linear"
    case calibratePolynomial = "calibrate_polynomial"
    case filterOut = "filter_out"
    case timeout, heartbeat, throttle
  }

  func readFilters(_ reader: TableReader, _ quantity: Quantity) -> [ReadingFilter] {
    reader.subtables("filters", most: Self.mostFilters).compactMap { reader in
      let names = FilterName.allCases.filter { reader.has($0.rawValue) }
      guard names.count == 1, let name = names.first, reader.table.entries.count == 1 else {
        if names.isEmpty, let entry = reader.table.entries.first {
          let near = NearestName.find(entry.key, among: FilterName.allCases.map(\.rawValue))
          let known = FilterName.allCases.map(\.rawValue).joined(separator: ", ")
          problems.error(
            reader.name(entry.key), at: entry.keyPosition, "there is no filter \(TOMLValue.quoted(entry.key))",
            advice: near.map { "did you mean \(TOMLValue.quoted($0))?" } ?? "known: \(known)")
        } else {
          problems.error(
            reader.path, at: reader.table.position, "one filter has \(reader.table.entries.count) keys",
            advice: "write each filter in braces of its own, in the order in which they are applied")
        }
        return nil
      }
      return readFilter(reader, name, quantity)
    }
  }

  private func readFilter(_ reader: TableReader, _ name: FilterName, _ quantity: Quantity) -> ReadingFilter? {
    let key = name.rawValue
    switch name {
    case .median: return readWindow(reader, key, usual: 5).map(ReadingFilter.median)
    case .slidingWindowMovingAverage, .slidingWindowAverage:
      return readWindow(reader, key, usual: 15).map(ReadingFilter.slidingWindowMovingAverage)
    case .exponentialMovingAverage: return readExponentialAverage(reader, key)
    case .delta: return readDelta(reader, key)
    case .clamp: return readClamp(reader, key)
    case .calibrateLinear: return readLinear(reader, key)
    case .calibratePolynomial: return readPolynomial(reader, key)
    case .filterOut: return readFilterOut(reader, key, quantity)
    case .timeout: return readTimeout(reader, key)
    case .heartbeat: return readHeartbeat(reader, key)
    case .throttle: return reader.duration(key, in: .milliseconds(1) ... .hours(24)).map(ReadingFilter.throttle)
    }
  }

  // MARK: Windows

  private func readWindow(_ reader: TableReader, _ key: String, usual: Int) -> ReadingFilter.Window? {
    guard let reader = reader.subtable(key) else { return nil }
    let sizeKey = reader.has("window") ? "window" : "window_size"
    let size = reader.integer(sizeKey, in: 1...Self.mostInWindow) ?? usual
    let window = readSending(reader, size: size, usual: usual)
    reader.finish()
    return window
  }

  private func readSending(_ reader: TableReader, size: Int, usual: Int) -> ReadingFilter.Window {
    let sendEvery = reader.integer("send_every", in: 1...Self.mostInWindow) ?? usual
    let sendFirstAt = reader.integer("send_first_at", in: 1...Self.mostInWindow) ?? 1
    if sendFirstAt > sendEvery {
      reader.error(
        "send_first_at", "send_first_at = \(sendFirstAt) is more than send_every = \(sendEvery)",
        advice: "write 1 to \(sendEvery)")
    }
    return ReadingFilter.Window(size: size, sendEvery: sendEvery, sendFirstAt: min(sendFirstAt, sendEvery))
  }

  private func readExponentialAverage(_ reader: TableReader, _ key: String) -> ReadingFilter? {
    guard let reader = reader.subtable(key) else { return nil }
    let alpha = reader.number("alpha", in: 0.001...1) ?? 0.1
    let window = readSending(reader, size: 1, usual: 15)
    reader.finish()
    return .exponentialMovingAverage(alpha: alpha, window)
  }

  // MARK: What is published

  private func readDelta(_ reader: TableReader, _ key: String) -> ReadingFilter? {
    guard let value = reader.value(key) else { return nil }
    switch value.content {
    case .string(let text):
      guard text.hasSuffix("%"), let percent = Double(text.dropLast()), (0...1000).contains(percent) else {
        reader.error(key, "\(key) = \(value.text) is no difference", advice: "write a number, or \"5%\"")
        return nil
      }
      return .delta(.fraction(percent / 100))
    case .table:
      reader.error(
        key, "\(key) is a table", advice: "write the least difference alone; for the greatest one there is max_rate")
      return nil
    default: return reader.number(value, of: key, in: 0...100_000).map { .delta(.absolute($0)) }
    }
  }

  private func readTimeout(_ reader: TableReader, _ key: String) -> ReadingFilter? {
    if case .table? = reader.value(key)?.content {
      reader.error(
        key, "\(key) is a table", advice: "write a length of time alone; no value is made up for a silent sensor")
      return nil
    }
    return reader.duration(key, in: .seconds(1) ... .hours(24)).map(ReadingFilter.timeout)
  }

  private func readHeartbeat(_ reader: TableReader, _ key: String) -> ReadingFilter? {
    let range = TimeSpan.seconds(10) ... .hours(24)
    guard case .table? = reader.value(key)?.content, let table = reader.subtable(key) else {
      return reader.duration(key, in: range).map { .heartbeat($0, isOptimistic: false) }
    }
    let period = table.duration("period", in: range, required: "write how often, such as \"60s\"")
    let isOptimistic = table.boolean("optimistic") ?? false
    table.finish()
    return period.map { .heartbeat($0, isOptimistic: isOptimistic) }
  }

  // MARK: Values

  private func readClamp(_ reader: TableReader, _ key: String) -> ReadingFilter? {
    let range = -100_000.0...100_000
    var lowest: Double?
    var highest: Double?
    var ignores = false
    switch reader.value(key)?.content {
    case .array(let bounds):
      let numbers = bounds.compactMap { reader.number($0, of: key, in: range) }
      guard numbers.count == bounds.count else { return nil }
      guard numbers.count == 2 else {
        reader.error(key, "\(key) is not two numbers", advice: "write \(key) = [lowest, highest]")
        return nil
      }
      lowest = numbers[0]
      highest = numbers[1]
    default:
      guard let table = reader.subtable(key) else { return nil }
      lowest = table.number("min_value", in: range)
      highest = table.number("max_value", in: range)
      ignores = table.boolean("ignore_out_of_range") ?? false
      table.finish()
      if !table.has("min_value"), !table.has("max_value") {
        reader.error(key, "\(key) has no bound", advice: "write min_value, max_value or both")
        return nil
      }
    }
    if let lowest, let highest, lowest >= highest {
      reader.error(key, "\(key) goes from \(lowest) to \(highest)", advice: "write the lowest value first")
    }
    return .clamp(lowest: lowest, highest: highest, ignoresOutOfRange: ignores)
  }

  private func readFilterOut(_ reader: TableReader, _ key: String, _ quantity: Quantity) -> ReadingFilter? {
    guard let value = reader.value(key) else { return nil }
    var values = [value]
    if case .array(let several) = value.content { values = several }
    guard (1...Self.mostPoints).contains(values.count) else {
      reader.error(key, "\(key) names \(values.count) values", advice: "name 1 to \(Self.mostPoints)")
      return nil
    }
    let measures = values.compactMap { value in
      reader.number(value, of: key, in: -1_000_000...1_000_000).flatMap { Measure(rounding: $0, for: quantity) }
    }
    return measures.count == values.count ? .filterOut(measures) : nil
  }

  private func readLinear(_ reader: TableReader, _ key: String) -> ReadingFilter? {
    enum Method: String, CaseIterable {
      case leastSquares = "least_squares"
      case exact
    }
    var method = Method.leastSquares
    var points: [CalibrationCurve.Point]?
    if case .table? = reader.value(key)?.content, let table = reader.subtable(key) {
      method = table.choice("method", Method.self) ?? .leastSquares
      points = readPoints(table)
      table.finish()
    } else {
      points = readPoints(reader, key)
    }
    guard let points else { return nil }
    let curve = method == .exact ? CalibrationCurve(joining: points) : CalibrationCurve(fitting: points, degree: 1)
    guard let curve else {
      reader.error(
        key, "no line goes through these \(points.count) points",
        advice: method == .exact
          ? "give two points or more, raw values rising" : "give two points or more with different raw values")
      return nil
    }
    return .calibrate(curve)
  }

  private func readPolynomial(_ reader: TableReader, _ key: String) -> ReadingFilter? {
    guard let table = reader.subtable(key) else { return nil }
    let most = CalibrationCurve.highestDegree
    let degree = table.integer("degree", in: 0...most, required: "write the degree, 1 to \(most)")
    let points = readPoints(table)
    table.finish()
    guard let degree, let points else { return nil }
    guard let curve = CalibrationCurve(fitting: points, degree: degree) else {
      reader.error(
        key, "\(points.count) points are too few for a polynomial of degree \(degree)",
        advice: "give more than \(degree) points with different raw values, or lower the degree")
      return nil
    }
    return .calibrate(curve)
  }

  private func readPoints(_ table: TableReader) -> [CalibrationCurve.Point]? {
    let key = table.has("points") ? "points" : "datapoints"
    guard table.value(key, required: "write datapoints = [[raw, true], …]") != nil else { return nil }
    return readPoints(table, key)
  }

  private func readPoints(_ reader: TableReader, _ key: String) -> [CalibrationCurve.Point]? {
    guard let value = reader.value(key) else { return nil }
    guard case .array(let pairs) = value.content, (1...Self.mostPoints).contains(pairs.count) else {
      reader.error(
        key, "\(key) is no list of points", advice: "write 1 to \(Self.mostPoints) of them: [[raw, true], [raw, true]]")
      return nil
    }
    let points = pairs.compactMap { pair -> CalibrationCurve.Point? in
      guard case .array(let numbers) = pair.content, numbers.count == 2 else {
        problems.error(
          reader.name(key), at: pair.position, "\(pair.text) is no point", advice: "write [raw, true]: two numbers")
        return nil
      }
      let read = numbers.compactMap { reader.number($0, of: key, in: -1_000_000...1_000_000) }
      return read.count == 2 ? CalibrationCurve.Point(raw: read[0], value: read[1]) : nil
    }
    return points.count == pairs.count ? points : nil
  }
}
