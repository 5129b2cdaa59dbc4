import Observations

/// Which sensors of a line are read with one request.
struct ModbusRange: Sendable, Hashable {
  let unit: UInt8
  let table: ModbusTable
  let every: TimeSpan
  /// The first register or bit.
  let start: Int
  /// The first one behind the range.
  private(set) var end: Int
  /// The places of the sensors in the list.
  private(set) var members: [Int]

  init(_ point: ModbusPoint, at place: Int) {
    unit = point.unit
    table = point.table
    every = point.every
    start = Int(point.address)
    end = start + point.width
    members = [place]
  }

  var quantity: Int { end - start }

  /// Whether `point`, which begins no earlier than this range, lies close enough to be read along.
  private func reaches(_ point: ModbusPoint, gap: Int) -> Bool {
    guard point.unit == unit, point.table == table, point.every == every else { return false }
    let first = Int(point.address)
    let newEnd = max(end, first + point.width)
    return first <= end + gap && newEnd - start <= table.maximumQuantity && newEnd <= 65_536
  }

  /// The ranges of `points`, in the order in which their first members were configured. With a `gap` of nil each is alone.
  static func ranges(of points: [ModbusPoint], gap: Int?) -> [ModbusRange] {
    guard let gap else { return points.indices.map { ModbusRange(points[$0], at: $0) } }
    var ranges: [ModbusRange] = []
    for place in points.indices.sorted(by: { points[$0].address < points[$1].address }) {
      let point = points[place]
      if let index = ranges.lastIndex(where: { $0.reaches(point, gap: gap) }) {
        ranges[index].end = max(ranges[index].end, Int(point.address) + point.width)
        ranges[index].members.append(place)
      } else {
        ranges.append(ModbusRange(point, at: place))
      }
    }
    return ranges.sorted { ($0.members.min() ?? 0) < ($1.members.min() ?? 0) }
  }
}
