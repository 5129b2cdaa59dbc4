/// Digits with at most one decimal point before, among or behind them, as the protocols of text write numbers.
enum DecimalDigits {
  /// The number that begins at `index`, which is left behind it; nil for no digit or more than `most`, and then `index` is
  /// anywhere.
  ///
  /// - Parameter most: at most 15: digits and divisor are then exact in binary, so that their quotient is the nearest
  ///   number to what was written.
  static func read(_ line: Span<UInt8>, from index: inout Int, end: Int, most: Int) -> Double? {
    var mantissa: Int64 = 0
    var divisor: Int64 = 1
    var digits = 0
    var hasPoint = false
    while index < end {
      let byte = line[index]
      if byte == UInt8(ascii: "."), !hasPoint {
        hasPoint = true
      } else if (0x30...0x39).contains(byte) {
        digits += 1
        guard digits <= most else { return nil }
        mantissa = mantissa * 10 + Int64(byte - 0x30)
        if hasPoint { divisor *= 10 }
      } else {
        break
      }
      index += 1
    }
    return digits > 0 ? Double(mantissa) / Double(divisor) : nil
  }
}
