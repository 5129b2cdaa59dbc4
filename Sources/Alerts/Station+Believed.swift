public import Observations

extension Station {
  /// What a measuring sensor's detectors saw last: its value after plausibility and filters, or the joint level of two
  /// sensors at the one that is named first. To be asked for right after a reading. Nil while there is none, and for what
  /// does not measure.
  public func believedValue(of sensor: SensorID) -> Measure? {
    guard let index = channelIndex[sensor], channels[index].isMeasuring else { return nil }
    return observedWater(index, threshold: nil, isReading: true).value
  }
}
