public import Observations

/// A number exactly as its decimal digits say it: `mantissa` × 10 to the power of `exponent`.
public struct DecimalNumber: Sendable, Hashable {
  public let mantissa: Int64
  public let exponent: Int

  public init(mantissa: Int64, exponent: Int) {
    self.mantissa = mantissa
    self.exponent = exponent
  }

  /// A measured value, whose thousandths are exact.
  public init(_ measure: Measure) {
    self.init(mantissa: measure.thousandths, exponent: -3)
  }

  /// Reads a number that has JSON's form. Returns nil when it is larger than 18 digits can say; digits behind the
  /// eighteenth are cut off.
  init?(_ bytes: Span<UInt8>) {
    var index = 0
    let isNegative = bytes.count > 0 && bytes[0] == UInt8(ascii: "-")
    if isNegative { index = 1 }
    var mantissa: Int64 = 0
    var exponent = 0
    var digits = 0
    var isFraction = false
    while index < bytes.count {
      let byte = bytes[index]
      let digit = byte &- UInt8(ascii: "0")
      if digit <= 9 {
        if digits < 18 {
          mantissa = mantissa * 10 + Int64(digit)
          if mantissa != 0 { digits += 1 }
          if isFraction { exponent -= 1 }
        } else if !isFraction {
          exponent += 1
        }
      } else if byte == UInt8(ascii: ".") {
        isFraction = true
      } else {
        break
      }
      index += 1
    }
    if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
      guard let power = Self.power(bytes, from: index + 1) else { return nil }
      exponent += power
    }
    self.mantissa = isNegative ? -mantissa : mantissa
    self.exponent = exponent
  }

  private static func power(_ bytes: Span<UInt8>, from start: Int) -> Int? {
    var index = start
    guard index < bytes.count else { return nil }
    let isNegative = bytes[index] == UInt8(ascii: "-")
    if isNegative || bytes[index] == UInt8(ascii: "+") { index += 1 }
    var power = 0
    while index < bytes.count {
      let digit = bytes[index] &- UInt8(ascii: "0")
      guard digit <= 9, power < 10_000 else { return nil }
      power = power * 10 + Int(digit)
      index += 1
    }
    return isNegative ? -power : power
  }

  /// The number times 10 to the power of `decimals`, rounded half away from zero to a whole one; nil beyond ± 9 × 10¹⁸.
  func scaled(decimals: Int) -> Int64? {
    var shift = exponent + decimals
    guard mantissa != 0 else { return 0 }
    if shift >= 0 {
      guard shift <= 18 else { return nil }
      var result = mantissa
      while shift > 0 {
        let product = result.multipliedReportingOverflow(by: 10)
        guard !product.overflow else { return nil }
        result = product.partialValue
        shift -= 1
      }
      return result
    }
    guard shift >= -18 else { return 0 }
    var divisor: Int64 = 1
    for _ in shift..<0 { divisor *= 10 }
    let quotient = mantissa / divisor
    let rest = (mantissa % divisor).magnitude
    guard rest >= UInt64(divisor) - rest else { return quotient }
    return mantissa < 0 ? quotient - 1 : quotient + 1
  }

  /// The number if it is a whole one of this range.
  func whole(in range: ClosedRange<Int64>) -> Int64? {
    guard let value = scaled(decimals: 0), range.contains(value) else { return nil }
    guard exponent < 0 else { return value }
    return DecimalNumber(mantissa: value, exponent: 0).scaled(decimals: -exponent) == mantissa ? value : nil
  }
}

extension Measure {
  /// Rounds half away from zero to the decimals of `quantity`; nil beyond ± 9 × 10¹² units, which no sensor means.
  public init?(_ number: DecimalNumber, for quantity: Quantity) {
    var scale: Int64 = 1000
    for _ in 0..<quantity.decimals { scale /= 10 }
    guard let steps = number.scaled(decimals: quantity.decimals),
      steps.magnitude < 9_000_000_000_000_000 / UInt64(scale)
    else { return nil }
    self.init(thousandths: steps * scale)
  }
}
