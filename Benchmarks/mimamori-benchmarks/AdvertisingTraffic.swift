import Observations
import SensorDrivers

/// What a Bluetooth controller sends over its UART: one iBeacon advertisement a packet, in the order of the air.
struct AdvertisingTraffic {
  /// One packet of H4: type, event, length, report header, 30 bytes of iBeacon, signal.
  static let packetBytes = 45
  /// A UART of 1 Mbaud carries 100,000 bytes a second.
  static let interval = TimeSpan(nanoseconds: Int64(packetBytes) * 10_000)

  let bytes: [UInt8]
  let reports: Int

  /// Reports of the tags in `numbers`: every other tag is near, from -74 to -60 dBm, the rest far, from -90 to -76.
  init(of numbers: some Sequence<UInt32>, using generator: inout SeededGenerator) {
    var bytes: [UInt8] = []
    var reports = 0
    for number in numbers {
      bytes += [0x04, 0x3E, 0x2A, 0x02, 0x01, 0x03, 0x01]
      bytes += Self.bigEndian(number) + [0x66, 0xC0]
      bytes += [0x1E, 0x02, 0x01, 0x06, 0x1A, 0xFF, 0x4C, 0x00, 0x02, 0x15]
      bytes += Self.identifier(of: number) + [0xC5]
      let farthest: Int8 = number.isMultiple(of: 2) ? -74 : -90
      bytes.append(UInt8(bitPattern: farthest + Int8.random(in: 0...14, using: &generator)))
      reports += 1
    }
    self.bytes = bytes
    self.reports = reports
  }

  /// UUID, major and minor of a tag.
  static func identifier(of number: UInt32) -> [UInt8] {
    let maker: [UInt8] = [
      0x6D, 0x69, 0x6D, 0x61, 0x6D, 0x6F, 0x72, 0x69, 0x2D, 0x62, 0x65, 0x6E, 0x63, 0x68, 0x00, 0x01,
    ]
    return maker + bigEndian(number)
  }

  private static func bigEndian(_ number: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
  }
}

/// The controller's answers that bring a receiver to listening: each command succeeds, and nothing optional is there.
func startListening(_ receiver: inout BeaconReceiver, at time: MonotonicTime) throws {
  var actions = DriverActions()
  receiver.opened(at: time, into: &actions)
  var commands = 0
  while actions.transmit.count >= 3 {
    let answer: [UInt8] =
      [0x04, 0x0E, 0x44, 0x01, actions.transmit[1], actions.transmit[2]] + [UInt8](repeating: 0, count: 65)
    actions.removeAll()
    receiver.received(answer.span, at: time, into: &actions)
    commands += 1
    guard commands < 32 else { throw BenchmarkFailure("The receiver does not come to listen") }
  }
}
