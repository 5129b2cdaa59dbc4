import Observations

extension NoticeKind {
  /// Whether it is what happens every day: nobody has to be asked.
  var isRoutine: Bool {
    switch self {
    case .arrival, .departure, .passage: true
    default: false
    }
  }
}

extension AlertKind {
  /// Whether its texts always name a value and a threshold.
  var isAboutAValue: Bool {
    switch self {
    case .waterLevel, .rateOfRise, .rain, .power, .storage, .board: true
    default: false
    }
  }
}

extension Alert.Observed {
  /// The value as people read it: at most two decimals, unless rounding would put it on the threshold's other side.
  var valueText: String? {
    guard let value else { return nil }
    let exact = value.decimal(minimumDecimals: decimals)
    let rounded = value.rounded(toDecimals: decimals)
    if let threshold, (rounded >= threshold) != (value >= threshold) { return exact }
    return rounded.decimal(minimumDecimals: decimals)
  }

  /// The threshold with at least as many decimals as the value; never rounded.
  var thresholdText: String? {
    threshold?.decimal(minimumDecimals: decimals)
  }

  private var decimals: Int { min(quantity.decimals, 2) }
}

extension Measure {
  /// Rounded half away from zero.
  fileprivate func rounded(toDecimals decimals: Int) -> Measure {
    var step: Int64 = 1000
    for _ in 0..<decimals { step /= 10 }
    let half = thousandths < 0 ? -(step / 2) : step / 2
    return Measure(thousandths: (thousandths + half) / step * step)
  }
}
