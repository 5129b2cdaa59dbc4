import Gateway
import Observations
import Testing

@Suite struct `A line of a recording` {
  static let hash = "4bf5b741cefc52ec73268f6e824eafaec857fd4acef1a1f49d04ce2a42d630b6"
  static let time = "2025-09-24T02:50:00+09:00"
  static let end = "2025-09-24T05:50:00+09:00"

  private func parse(_ text: String) throws(RecordingError) -> RecordingLine {
    try RecordingLine(text.utf8.span, number: 7)
  }

  @Test(arguments: [
    #"{"schema":"mimamori.recording/1","gateway":"kakogawa-042","config_sha256":"00ff"}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","sensor":"river-1","value":6.2}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","sensor":"river-1","value":-0.005}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","sensor":"river-1","fault":"timeout"}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","sensor":"underpass-1","active":true}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","sensor":"rain-1","count":1234}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","sensor":"gate-north","format":"ibeacon","id":"e2c56db5","rssi":-71}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","sensor":"gate-north","tag":"\#(hash)","rssi":-71,"battery":80,"button":false}"#,
    #"{"mono":81.020,"time":"2025-09-24T02:50:00.123+09:00","sensor":"gate-north","alive":true}"#,
    #"{"mono":81.020,"port":"rs485","rx":"01040200644cd3"}"#,
    #"{"mono":81.021000001,"sensor":"rain-1","edge":"rising","line_seq":81}"#,
    #"{"mono":81.100,"time":"2025-09-24T02:50:00+09:00","boot":"b1","event":"start"}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","event":"command","do":"search","tag":"\#(String(repeating: "0a", count: 32))","#
      + #""subject":"7f3a9c52e1b84d0f9a61c2d3","person":"elder","case":"26-118","until":"2025-09-24T05:50:00+09:00"}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","event":"command","id":"c-1","by":"bousai-2026","do":"silence","until":"\#(end)"}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","event":"command","do":"silence","output":"siren","over":true}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","event":"command","do":"maintenance","sensors":["river-1","rain-1"],"until":"\#(end)"}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","event":"command","do":"maintenance","over":true}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","event":"command","do":"acknowledge","alert":"g/01JDXYZ","until":"\#(end)"}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","event":"command","do":"acknowledge","alert":"g/01JDXYZ","cause":"real","until":"\#(end)"}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","event":"command","do":"acknowledge","sensor":"river-1","kind":"water_level","#
      + #""mode":"actual","until":"\#(end)"}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","event":"command","do":"exercise","sensor":"river-1","offsets":[0,60.5],"#
      + #""values":[3.2,-0.05],"siren":true,"until":"\#(end)"}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","event":"command","do":"test","sensor":"river-1","offsets":[0],"#
      + #""values":[4],"until":"\#(end)"}"#,
    #"{"time":"2025-09-24T02:50:00+09:00","event":"command","do":"exercise","sensor":"river-1","over":true}"#,
    #"{"time":"2025-09-24T03:50:00+09:00"}"#,
  ])
  func `is written as it is read`(text: String) throws {
    var bytes: [UInt8] = []
    try parse(text).write(into: &bytes, zone: .fixed(seconds: 9 * 3600))
    #expect(String(decoding: bytes, as: UTF8.self) == text + "\n")
  }

  @Test func `may be spaced, escaped and carry what nobody knows`() throws {
    let text = """
       { "x" : [1, {"y":"}\\"", "z":[]}, null] , "sensor" : "r\\u0069ver-\\u0031", "value" : 1.5E+0, "w":{},\r
      "time" : "2025-09-24t02:50:00.5Z" } 
      """.replacing("\n", with: " ")
    let line = try parse(text)
    #expect(line.content == .reading("river-1", DecimalNumber(mantissa: 15, exponent: -1)))
    #expect(line.wall == WallTime(rfc3339: "2025-09-24T02:50:00.500Z"))
  }

  @Test(arguments: [
    ("6.2", Quantity.waterLevel, Int64(6200)), ("6.20", .waterLevel, 6200), ("62e-1", .waterLevel, 6200),
    ("0.0005", .waterLevel, 1), ("-0.0005", .waterLevel, -1), ("0.00049999999", .waterLevel, 0),
    ("-0.0", .waterLevel, 0),
    ("2.675", .voltage, 2680), ("-2.675", .voltage, -2680), ("0.25", .rain, 300), ("1e3", .waterLevel, 1_000_000),
    ("123456789012.3456789", .waterLevel, 123_456_789_012_346), ("0e99", .waterLevel, 0),
    ("0.00000000000000000000001", .waterLevel, 0), ("1e-400", .waterLevel, 0),
  ])
  func `keeps a number exact until it is rounded`(number: String, quantity: Quantity, thousandths: Int64) throws {
    let line = try parse(#"{"time":"\#(Self.time)","sensor":"s","value":\#(number)}"#)
    guard case .reading(_, let value) = line.content else {
      Issue.record("no reading")
      return
    }
    #expect(Measure(value, for: quantity)?.thousandths == thousandths)
  }

  @Test(arguments: ["9e12", "-9e12", "1e18", "999999999999999999", "1e999"])
  func `gives no measure for what no sensor means`(number: String) throws {
    let line = try parse(#"{"time":"\#(Self.time)","sensor":"s","value":\#(number)}"#)
    guard case .reading(_, let value) = line.content else {
      Issue.record("no reading")
      return
    }
    #expect(Measure(value, for: .waterLevel) == nil)
  }

  @Test(arguments: [
    ("", "not a JSON object"), ("[]", "not a JSON object"), ("{", "ends in the middle"),
    (#"{"time":"2025-09-24T02:50:00+09:00"} x"#, "after the object"),
    (#"{"time":"2025-09-24T02:50:00+09:00",}"#, "column 37"), (#"{"time" "x"}"#, "column 9"),
    (#"{"a":01,"time":"2025-09-24T02:50:00+09:00"}"#, "column 6"), (#"{"a":1.}"#, "column 8"),
    (#"{"a":tru}"#, "column 6"),
    (#"{"time":"2025-09-24 02:50"}"#, "RFC 3339"), (#"{"time":"1969-12-31T23:59:59Z"}"#, "1970"),
    (#"{"time":"9999-12-31T23:59:59Z"}"#, "1970 to 2199"), (#"{"time":5}"#, "RFC 3339"),
    (#"{"mono":-1}"#, "mono"), (#"{"mono":9e9}"#, "mono"), (#"{"mono":"1"}"#, "mono"),
    (#"{"sensor":"river-1","value":1}"#, "no time"), (#"{"schema":"mimamori.recording/2"}"#, "mimamori.recording/1"),
    (#"{"mono":1,"sensor":"s"}"#, "exactly one"), (#"{"mono":1,"sensor":"s","value":1,"fault":"x"}"#, "exactly one"),
    (#"{"mono":1,"value":1}"#, "no known form"), (#"{"mono":1,"sensr":"river-1"}"#, "no known form"),
    (#"{"mono":1,"sensor":"s","value":"1"}"#, "not a number"),
    (#"{"mono":1,"sensor":"s","value":null}"#, "not a number"),
    (#"{"mono":1,"sensor":"s","count":1.5}"#, "whole number"), (#"{"mono":1,"sensor":"s","count":-1}"#, "whole number"),
    (#"{"mono":1,"sensor":"s","active":1}"#, "true nor false"), (#"{"mono":1,"sensor":5,"value":1}"#, "not a string"),
    (#"{"mono":1,"sensor":"s","tag":"4BF5","rssi":-1}"#, "keyed hash"),
    (#"{"mono":1,"sensor":"s","format":"ibeacon","id":"0","rssi":-1}"#, "hexadecimal"),
    (#"{"mono":1,"sensor":"s","format":"ibeacon","id":"","rssi":-1}"#, "hexadecimal"),
    (#"{"mono":1,"sensor":"s","format":"Tile","id":"00","rssi":-1}"#, "ibeacon, altbeacon, eddystone-uid, line"),
    (#"{"mono":1,"sensor":"s","format":"line","id":"00"}"#, "rssi"),
    (#"{"mono":1,"sensor":"s","format":"line","id":"00","rssi":21}"#, "rssi"),
    (#"{"mono":1,"sensor":"s","format":"line","id":"00","rssi":-1,"battery":101}"#, "battery"),
    (#"{"mono":1,"port":"p","rx":"0"}"#, "hexadecimal"), (#"{"mono":1,"sensor":"s","edge":"up"}"#, "falling"),
    (#"{"mono":1,"event":"command","do":"silence"}"#, "or \"over\""),
    (#"{"mono":1,"event":"command","do":"silence","over":true,"until":"\#(end)"}"#, "or \"over\""),
    (#"{"mono":1,"event":"command","do":"acknowledge","until":"\#(end)"}"#, "an acknowledgement has"),
    (
      #"{"mono":1,"event":"command","do":"acknowledge","sensor":"s","kind":"fire","until":"\#(end)"}"#,
      "acknowledgement"
    ),
    (#"{"mono":1,"event":"command","do":"test","sensor":"s","until":"\#(end)"}"#, "as many"),
    (
      #"{"mono":1,"event":"command","do":"test","sensor":"s","values":[1,2],"offsets":[0],"until":"\#(end)"}"#,
      "as many"
    ),
    (
      #"{"mono":1,"event":"command","do":"test","sensor":"s","values":["1"],"offsets":[0],"until":"\#(end)"}"#,
      "numbers"
    ),
    (
      #"{"mono":1,"event":"command","do":"test","sensor":"s","values":[[1]],"offsets":[0],"until":"\#(end)"}"#,
      "numbers"
    ),
    (#"{"mono":1,"event":"command","do":"maintenance","sensors":[1],"over":true}"#, "names of sensors"),
    (#"{"mono":1,"event":"command","do":"search","until":"\#(end)"}"#, "a search has"),
    (#"{"mono":1,"sensor":"\x"}"#, "escape"), (#"{"mono":1,"sensor":"\ud800"}"#, "escape"),
    (String(repeating: "[", count: 50), "not a JSON object"),
    (#"{"a":"# + String(repeating: "[", count: 50), "too deep"),
  ])
  func `of no known form says what is wrong`(text: String, part: String) {
    let error = #expect(throws: RecordingError.self) { try RecordingLine(text.utf8.span, number: 7) }
    #expect(error?.line == 7)
    #expect(error?.reason.contains(part) == true, "\(error?.reason ?? "")")
  }

  @Test func `never traps on any bytes`() {
    let seedText =
      #"{"mono":1.5e0,"time":"2025-09-24T02:50:00+09:00","sensor":"s\u0041","value":[{"a":-1.5}],"tag":"x"}"#
    var state: UInt64 = 42
    func random(_ below: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % below
    }
    let marks = Array("\"\\{}[],:-e.0u".utf8)
    var read = 0
    for _ in 0..<20_000 {
      var bytes = Array(seedText.utf8)
      for _ in 0..<random(6) {
        let index = random(bytes.count)
        switch random(3) {
        case 0: bytes[index] = UInt8(random(256))
        case 1: bytes.remove(at: index)
        default: bytes.insert(marks[random(marks.count)], at: index)
        }
      }
      if (try? RecordingLine(bytes.span, number: 1)) != nil { read += 1 }
    }
    #expect(read < 20_000)
  }
}

@Suite struct `Lines in pieces` {
  @Test(arguments: [1, 2, 3, 7, 1000])
  func `are put together whatever the pieces`(size: Int) {
    let text = Array("one\n\nthree\r\nlast".utf8)
    var splitter = LineSplitter()
    var lines: [String] = []
    func take(_ line: Span<UInt8>) {
      lines.append(String(decoding: (0..<line.count).map { line[$0] }, as: UTF8.self))
    }
    for start in stride(from: 0, to: text.count, by: size) {
      splitter.feed(text.span.extracting(start..<min(start + size, text.count)), take)
    }
    splitter.finish(take)
    #expect(lines == ["one", "", "three\r", "last"])
    #expect(splitter.lines == 4)
  }

  @Test func `are bounded`() {
    var splitter = LineSplitter()
    let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 10_000)
    var longest = 0
    for _ in 0..<100 { splitter.feed(piece.span) { longest = max(longest, $0.count) } }
    splitter.finish { longest = max(longest, $0.count) }
    #expect(longest == LineSplitter.longestLine + 1)
  }
}
