import Observations

@testable import SensorDrivers

/// Tag formats of the configuration and the known ones: any rule on any advertising data. Besides not trapping, what a
/// rule finds lies in the data, and looking twice finds the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = unsafe script(start, count)
  guard input.count >= 12 else { return 0 }
  // Twelve bytes make the rule, the rest is what is heard.
  let matchLength = Int(input[0] & 7)
  let identity: RawTagRule.Identity =
    input[0] & 8 == 0 ? .bytes(offset: Int(input[1] & 63), count: 1 + Int(input[2] % 20)) : .address
  let carrier: RawTagRule.Carrier =
    switch input[0] >> 4 & 3 {
    case 0: .service(0xFEAA)
    case 1: .anything
    default: .company(UInt16(input[3]) << 8 | UInt16(input[4]))
    }
  let units = RawTagRule.Battery.Unit.allCases
  guard let format = TagFormat(name: "fuzzed") else { return 0 }
  let data = Array(input[12...])
  let rule = RawTagRule(
    format: format, carrier: carrier, match: Array(data.prefix(matchLength)), mask: Array(input[5...6]),
    identity: identity, button: RawTagRule.Button(offset: Int(input[7]), bit: Int(input[8])),
    battery: RawTagRule.Battery(offset: Int(input[9]), unit: units[Int(input[10]) % units.count]))
  let advertiser = Advertiser(
    addressType: input[11] & 3, address: UInt64(input[11]) << 40 | UInt64(input[10]) << 20 | UInt64(input[9]))
  let recognition = TagRecognition(rules: [rule])
  let found = recognition.find(in: data.span, from: advertiser)
  precondition(found == recognition.find(in: data.span, from: advertiser), "Not the same twice")
  guard case .tag(let tag)? = found, tag.tag.format == format, case .bytes(_, let length) = identity else { return 0 }
  precondition(Int(tag.tag.count) == length, "An identifier of another length")
  precondition(tag.battery.map { $0 <= 100 } ?? true, "More than a full battery")
  let identifier = (0..<length).map { tag.tag.byte($0) }
  precondition(
    (0...data.count - length).contains { Array(data[$0..<$0 + length]) == identifier }, "Bytes that nobody sent")
  return 0
}
