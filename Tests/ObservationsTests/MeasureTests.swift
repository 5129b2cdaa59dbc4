import Observations
import Testing

@Suite struct `A measure` {
  @Test(arguments: [
    (4.12, Quantity.waterLevel, "4.12"), (4.0, .waterLevel, "4"), (-0.0004, .waterLevel, "0"),
    (-0.0005, .waterLevel, "-0.001"), (0.0005, .waterLevel, "0.001"), (2.675, .voltage, "2.68"),
    (-2.675, .voltage, "-2.68"), (0.25, .rain, "0.3"), (165.91, .waterLevel, "165.91"),
  ])
  func `rounds half away from zero and prints plainly`(value: Double, quantity: Quantity, text: String) throws {
    let measure = try #require(Measure(rounding: value, for: quantity))
    #expect(measure.description == text)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity, 1e300])
  func `refuses what is no number`(value: Double) {
    #expect(Measure(rounding: value, for: .waterLevel) == nil)
  }
}
