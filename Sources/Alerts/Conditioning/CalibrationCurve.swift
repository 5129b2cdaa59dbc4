/// What a raw value means, from measured pairs: polynomials, each for a part of the raw values.
///
/// Only additions, multiplications, divisions and square roots, so that every machine gets the same curve.
public struct CalibrationCurve: Sendable, Hashable {
  /// A polynomial of (raw - centre) ÷ scale, which keeps its numbers near 1.
  private struct Polynomial: Sendable, Hashable {
    let centre: Double
    let scale: Double
    /// The constant first.
    let coefficients: [Double]

    func value(at raw: Double) -> Double {
      let x = (raw - centre) / scale
      var result = 0.0
      for coefficient in coefficients.reversed() { result = result * x + coefficient }
      return result
    }
  }

  private struct Piece: Sendable, Hashable {
    /// Raw values below this; nil: all the others.
    let below: Double?
    let polynomial: Polynomial
  }

  /// A pair of a calibration: what the sensor says and what is true.
  public struct Point: Sendable, Hashable {
    public let raw: Double
    public let value: Double

    public init(raw: Double, value: Double) {
      self.raw = raw
      self.value = value
    }
  }

  /// The highest degree that is fitted: beyond it a curve swings between its points.
  public static let highestDegree = 6

  private let pieces: [Piece]

  /// The polynomial of `degree` with the least squares of differences; nil unless the degree is 0 to `highestDegree` and
  /// there are more different raw values than it.
  public init?(fitting points: [Point], degree: Int) {
    guard (0...Self.highestDegree).contains(degree), Set(points.map(\.raw)).count > degree,
      let polynomial = Self.fit(points, degree: degree)
    else { return nil }
    pieces = [Piece(below: nil, polynomial: polynomial)]
  }

  /// Straight lines from point to point; the first and the last go on beyond them. Nil unless there are two points or
  /// more and their raw values rise.
  public init?(joining points: [Point]) {
    guard points.count >= 2, zip(points, points.dropFirst()).allSatisfy({ $0.raw < $1.raw }) else { return nil }
    pieces = zip(points, points.dropFirst()).enumerated().map { index, pair in
      let (left, right) = pair
      let line = Polynomial(
        centre: left.raw, scale: right.raw - left.raw, coefficients: [left.value, right.value - left.value])
      return Piece(below: index == points.count - 2 ? nil : right.raw, polynomial: line)
    }
  }

  /// What `raw` means.
  public func value(at raw: Double) -> Double {
    for piece in pieces {
      if let below = piece.below, raw >= below { continue }
      return piece.polynomial.value(at: raw)
    }
    return raw
  }

  /// Least squares by orthogonal columns (modified Gram-Schmidt), which does not square the condition as the normal
  /// equations do. Nil where the numbers are too large to fit.
  private static func fit(_ points: [Point], degree: Int) -> Polynomial? {
    let centre = points.reduce(0) { $0 + $1.raw } / Double(points.count)
    let spread = points.reduce(0) { max($0, abs($1.raw - centre)) }
    let scale = spread > 0 ? spread : 1
    let abscissae = points.map { ($0.raw - centre) / scale }
    var columns = [points.map { _ in 1.0 }]
    for _ in 0..<degree { columns.append(zip(columns[columns.count - 1], abscissae).map(*)) }
    var upper = [[Double]](repeating: [Double](repeating: 0, count: degree + 1), count: degree + 1)
    var rest = points.map(\.value)
    var projections = [Double](repeating: 0, count: degree + 1)
    for column in 0...degree {
      let norm = product(columns[column], columns[column]).squareRoot()
      guard norm.isFinite, norm > 1e-9 else { return nil }
      upper[column][column] = norm
      for row in columns[column].indices { columns[column][row] /= norm }
      for later in column + 1..<degree + 2 where later <= degree {
        upper[column][later] = product(columns[column], columns[later])
        subtract(columns[column], times: upper[column][later], from: &columns[later])
      }
      projections[column] = product(columns[column], rest)
      subtract(columns[column], times: projections[column], from: &rest)
    }
    var coefficients = [Double](repeating: 0, count: degree + 1)
    for row in (0...degree).reversed() {
      var sum = projections[row]
      for column in row + 1..<degree + 2 where column <= degree { sum -= upper[row][column] * coefficients[column] }
      coefficients[row] = sum / upper[row][row]
    }
    guard coefficients.allSatisfy(\.isFinite) else { return nil }
    return Polynomial(centre: centre, scale: scale, coefficients: coefficients)
  }

  private static func product(_ left: [Double], _ right: [Double]) -> Double {
    var sum = 0.0
    for index in left.indices { sum += left[index] * right[index] }
    return sum
  }

  private static func subtract(_ column: [Double], times factor: Double, from target: inout [Double]) {
    for index in column.indices { target[index] -= factor * column[index] }
  }
}
