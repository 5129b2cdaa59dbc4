public import Observations
import SensorDrivers

/// A satellite receiver: GGA and RMC once a second, with the time that it is really.
public struct SimulatedSatelliteReceiver: SimulatedDevice {
  private var latitude: Double
  private var longitude: Double
  private var hasFix = true
  private let began: (monotonic: MonotonicTime, wall: WallTime)
  private var transmission: SimulatedTransmission

  /// - Parameters:
  ///   - latitude: degrees, north is positive.
  ///   - longitude: degrees, east is positive.
  ///   - wall: what the satellites' clock says at `time`.
  public init(latitude: Double, longitude: Double, wall: WallTime, at time: MonotonicTime) {
    self.latitude = latitude
    self.longitude = longitude
    began = (time, wall)
    transmission = SimulatedTransmission(every: .seconds(1), from: time)
  }

  public var nextDeadline: MonotonicTime? { transmission.nextFrame }

  public mutating func received(_ bytes: [UInt8], at time: MonotonicTime, answer: inout [UInt8]) {
    // What a receiver may be told is passed over.
  }

  public mutating func wake(at time: MonotonicTime, answer: inout [UInt8]) {
    guard transmission.advance(at: time) else { return }
    let civil = CivilTime(began.wall + (time - began.monotonic), in: .fixed(seconds: 0))
    let clock = [civil.hour, civil.minute, civil.second].map { Self.digits($0, 2) }.joined()
    let date = [civil.day, civil.month, civil.year % 100].map { Self.digits($0, 2) }.joined()
    let hundredths = Self.digits(civil.millisecond / 10, 2)
    let place = "\(Self.angle(latitude, 2, "N", "S")),\(Self.angle(longitude, 3, "E", "W"))"
    let bodies =
      hasFix
      ? [
        "GPGGA,\(clock).\(hundredths),\(place),1,09,1.20,12.0,M,36.9,M,,",
        "GPRMC,\(clock).\(hundredths),A,\(place),0.0,0.0,\(date),,,A",
      ]
      : [
        "GPGGA,\(clock).\(hundredths),,,,,0,00,99.99,,,,,,",
        "GPRMC,\(clock).\(hundredths),V,,,,,,,\(date),,,N",
      ]
    for body in bodies {
      var sentence = NMEASplitter.encode(body)
      if transmission.isGarbled { sentence[1] ^= 0x01 }
      answer += sentence
    }
  }

  public mutating func apply(_ setting: Scenario.Setting, to sensor: String, at time: MonotonicTime) {
    switch setting {
    case .position(let latitude, let longitude): (self.latitude, self.longitude) = (latitude, longitude)
    case .fix(let fix): hasFix = fix
    default: transmission.apply(setting)
    }
  }

  /// `ddmm.mmmm` and the hemisphere's letter.
  private static func angle(_ degrees: Double, _ wholeDigits: Int, _ positive: String, _ negative: String) -> String {
    let parts = Int((degrees.magnitude * 600_000).rounded())
    let minutes = parts % 600_000
    return digits(parts / 600_000, wholeDigits) + digits(minutes / 10_000, 2) + "." + digits(minutes % 10_000, 4) + ","
      + (degrees < 0 ? negative : positive)
  }

  private static func digits(_ number: Int, _ count: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, count - text.count)) + text
  }
}
