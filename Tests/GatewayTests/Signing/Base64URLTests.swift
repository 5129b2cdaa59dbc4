import Foundation
import Gateway
import Testing

@Suite struct `Base64url` {
  @Test func `agrees with Foundation for every length`() {
    var generator = SplitMix(state: 1)
    for length in 0..<200 {
      let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let expected = Data(bytes).base64EncodedString()
        .replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
        .replacingOccurrences(of: "=", with: "")
      let text = Base64URL.encode(array: bytes)
      #expect(String(decoding: text, as: UTF8.self) == expected)
      #expect(Base64URL.decode(array: text) == bytes)
    }
  }

  @Test(arguments: ["A", "AAAAA", "AA==", "AAA=", "A+AA", "A/AA", "AA A", "AAAA\n", " AAAA", "AB", "AAB", "__9", "あ"])
  func `refuses every other spelling`(text: String) {
    #expect(Base64URL.decode(array: text.utf8) == nil)
  }
}
