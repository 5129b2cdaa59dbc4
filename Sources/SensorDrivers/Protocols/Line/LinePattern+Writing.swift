extension LinePattern {
  /// A line that fits, without its end: what a well sensor sends that has these numbers to say.
  ///
  /// - Parameter values: the numbers in the order of `fields`, written with three decimals; what is missing is 0.
  public func line(of values: [Double]) -> [UInt8] {
    var line: [UInt8] = []
    var begin = 0
    var end: Int?
    var numbers = 0
    for element in elements {
      switch element {
      case .begin: begin = line.count
      case .end: end = line.count
      case .literal(let bytes): line += bytes
      case .spaces: line.append(UInt8(ascii: " "))
      case .number:
        line += Self.decimal(numbers < values.count ? values[numbers] : 0)
        numbers += 1
      // Anything fits there, also nothing, in which what follows cannot stand by mistake.
      case .skip: break
      case .status(let words): line += words.first ?? []
      case .checksum(let kind):
        let checked = Array(line[begin..<max(begin, end ?? line.count)])
        line += Self.hexadecimal(kind.compute(checked.span), digits: kind.digits)
      }
    }
    return line
  }

  private static func decimal(_ value: Double) -> [UInt8] {
    let most = 1e9
    let thousandths = Int64((min(max(value, -most), most) * 1000).rounded())
    let fraction = String(thousandths.magnitude % 1000)
    let zeros = String(repeating: "0", count: 3 - fraction.count)
    return Array("\(thousandths < 0 ? "-" : "")\(thousandths.magnitude / 1000).\(zeros)\(fraction)".utf8)
  }

  private static func hexadecimal(_ number: UInt16, digits: Int) -> [UInt8] {
    let text = String(number, radix: 16, uppercase: true)
    return Array((String(repeating: "0", count: digits - text.count) + text).utf8)
  }
}
