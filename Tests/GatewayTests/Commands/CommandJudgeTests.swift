import Foundation
import Gateway
import Observations
import Testing

@Suite struct `The judge of commands` {
  let fixture: CommandFixture

  init() throws {
    fixture = try CommandFixture()
  }

  @Test func `accepts what an authority signed for this gateway`() throws {
    let command = try fixture.judge.verify(try fixture.sign(CommandFixture.payload()), isRetained: false)
    #expect(command.id == "01K")
    #expect(command.authority == "bousai-2026")
    let accepted = try fixture.judge.judge(command, at: CommandFixture.now, needsBoot: false)
    #expect(accepted.request == .silence("siren", end: CommandFixture.now.wall + .minutes(30)))
  }

  @Test(arguments: [["kakogawa"], ["east", "nobody"], ["nobody", "kakogawa-042"]])
  func `accepts what is for one of its groups, or for it among others`(to: [String]) throws {
    #expect(try fixture.refusal(of: CommandFixture.payload(["to": to])) == nil)
  }

  @Test func `accepts a line feed behind the signature, as a file has it`() throws {
    let text = try fixture.sign(CommandFixture.payload()) + [UInt8(ascii: "\n")]
    #expect(try fixture.judge.verify(text, isRetained: false).id == "01K")
  }

  // MARK: What is passed over without an answer

  @Test func `passes over a retained command, however well signed`() throws {
    let text = try fixture.sign(CommandFixture.payload())
    #expect(throws: CommandNeglect.retained) { try fixture.judge.verify(text, isRetained: true) }
  }

  @Test func `passes over every one-bit change of a signed command`() throws {
    let text = try fixture.sign(CommandFixture.payload())
    for index in text.indices {
      for bit in 0..<8 {
        var forged = text
        forged[index] ^= 1 << UInt8(bit)
        #expect(throws: CommandNeglect.self, "byte \(index), bit \(bit)") {
          try fixture.judge.verify(forged, isRetained: false)
        }
      }
    }
  }

  @Test func `passes over what another key signed under a known name`() throws {
    let text = try JSONWebSignature.sign(
      CommandFixture.payload(), type: CommandJudge.type, keyIdentifier: "bousai-2026", with: fixture.other)
    #expect(throws: CommandNeglect.unsigned) { try fixture.judge.verify(text, isRetained: false) }
  }

  @Test func `passes over a name that no authority has`() throws {
    let text = try fixture.sign(CommandFixture.payload(), as: "bousai-2025")
    #expect(throws: CommandNeglect.unsigned) { try fixture.judge.verify(text, isRetained: false) }
  }

  @Test func `passes over a signed watch list in a command's place`() throws {
    let text = try fixture.sign(CommandFixture.payload(), type: "mimamori-watchlist")
    #expect(throws: CommandNeglect.unsigned) { try fixture.judge.verify(text, isRetained: false) }
  }

  @Test(
    arguments: [
      #"{"alg":"none","kid":"bousai-2026","typ":"mimamori-command"}"#,
      #"{"alg":"HS256","kid":"bousai-2026","typ":"mimamori-command"}"#,
      #"{"alg":"ES256","kid":"bousai-2026","typ":"mimamori-command"}"#,
      #"{"alg":"EdDSA","alg":"none","kid":"bousai-2026","typ":"mimamori-command"}"#,
      #"{"alg":"EdDSA","crit":["exp"],"kid":"bousai-2026","typ":"mimamori-command"}"#,
      #"{"alg":"EdDSA","kid":"bousai-2026"}"#,
    ])
  func `passes over another algorithm or header, although the signature is right`(header: String) throws {
    let signed =
      Base64URL.encode(array: Array(header.utf8)) + [UInt8(ascii: ".")]
      + Base64URL.encode(array: CommandFixture.payload())
    let text = signed + [UInt8(ascii: ".")] + Base64URL.encode(array: try fixture.key.signature(ofArray: signed))
    #expect(throws: CommandNeglect.unsigned) { try fixture.judge.verify(text, isRetained: false) }
  }

  @Test func `passes over a command that says none for its algorithm and has no signature`() {
    let header = Base64URL.encode(array: Array(#"{"alg":"none","kid":"bousai-2026","typ":"mimamori-command"}"#.utf8))
    let text = header + [UInt8(ascii: ".")] + Base64URL.encode(array: CommandFixture.payload()) + [UInt8(ascii: ".")]
    #expect(throws: CommandNeglect.unsigned) { try fixture.judge.verify(text, isRetained: false) }
  }

  @Test func `passes over what is longer than a command can be`() throws {
    let long = CommandFixture.payload(["with": ["case": String(repeating: "x", count: 4000)]])
    let text = try fixture.sign(long)
    #expect(text.count > JSONWebSignature.maximumBytes)
    #expect(throws: CommandNeglect.unsigned) { try fixture.judge.verify(text, isRetained: false) }
  }

  @Test(arguments: ["", ".", "..", "a.b.c", "{}", "\u{0}", "ü.ü.ü"])
  func `passes over what is no signed text`(text: String) {
    #expect(throws: CommandNeglect.unsigned) { try fixture.judge.verify(Array(text.utf8), isRetained: false) }
  }

  @Test(
    arguments: [
      "[]", "{}", "no json", #"{"id":7}"#, #"{"id":""}"#, #"{"id":"with space"}"#, #"{"id":"tab\t"}"#,
      #"{"id":"a","id":"b"}"#, #"{"id":"a","\u0069d":"b"}"#, #"{"id":"a"} {}"#,
    ])
  func `passes over what is signed but has no id to answer to, or more than one`(payload: String) throws {
    let text = try fixture.sign(Array(payload.utf8))
    #expect(throws: CommandNeglect.unreadable) { try fixture.judge.verify(text, isRetained: false) }
  }

  @Test func `passes over bytes that are no UTF-8`() throws {
    let text = try fixture.sign(Array(#"{"id":"a","x":""#.utf8) + [0xFF, 0x22, 0x7D])
    #expect(throws: CommandNeglect.unreadable) { try fixture.judge.verify(text, isRetained: false) }
  }

  // MARK: What is refused with an answer

  typealias Members = [String: any Sendable]

  struct Refusal: CustomTestStringConvertible {
    let word: String
    let changes: [String: (any Sendable)?]

    var testDescription: String { "\(word): \(changes)" }
  }

  @Test(
    arguments: [
      Refusal(word: "wrong_root", changes: ["root": "mimamori/999999"]),
      Refusal(word: "not_addressed", changes: ["to": ["kakogawa-043"]]),
      Refusal(word: "not_addressed", changes: ["to": ["kakogawa-04", "kakogawa-0422", "KAKOGAWA-042"]]),
      Refusal(
        word: "from_future", changes: ["issued": "2026-11-21T15:01:00.001+09:00"]),
      Refusal(word: "expired", changes: ["expires": "2026-11-21T15:00:00+09:00"]),
      Refusal(word: "too_long", changes: ["expires": "2026-11-22T14:59:50.001+09:00"]),
      Refusal(
        word: "too_long", changes: ["with": ["output": "siren", "end": "2026-11-22T14:59:51+09:00"]]),
      Refusal(word: "too_long", changes: ["with": ["output": "siren", "end": "9999-12-31T23:59:59Z"]]),
      Refusal(word: "too_long", changes: ["issued": "0001-01-01T00:00:00Z", "expires": "9999-12-31T23:59:59Z"]),
      Refusal(word: "without_right", changes: ["do": "test", "with": ["sensor": "river-1", "stop": true] as Members]),
      Refusal(word: "wrong_boot", changes: ["boot": "another"]),
      Refusal(word: "malformed", changes: ["do": "explode"]),
      Refusal(word: "malformed", changes: ["do": nil]),
      Refusal(word: "malformed", changes: ["to": [String]()]),
      Refusal(word: "malformed", changes: ["to": "kakogawa-042"]),
      Refusal(word: "malformed", changes: ["issued": "yesterday"]),
      Refusal(word: "malformed", changes: ["expires": "2026-11-21T14:59:50+09:00"]),
      Refusal(word: "malformed", changes: ["with": nil]),
      Refusal(word: "malformed", changes: ["with": ["output": "siren"]]),
      Refusal(word: "malformed", changes: ["with": ["end": "2026-11-21T15:30:00+09:00", "stop": true] as Members]),
      Refusal(word: "malformed", changes: ["with": ["end": "2026-11-21T15:30:00+09:00", "volume": 3] as Members]),
      Refusal(word: "malformed", changes: ["with": ["output": "siren", "end": "2026-11-21T14:59:00+09:00"]]),
    ])
  func `refuses with a reason, and says what to do`(refusal: Refusal) throws {
    #expect(try fixture.refusal(of: CommandFixture.payload(refusal.changes)) == refusal.word)
  }

  @Test func `takes a command whose clock is a minute ahead, and one that lasts for a day`() throws {
    let ahead = ["issued": "2026-11-21T15:01:00+09:00", "expires": "2026-11-22T15:01:00+09:00"]
    #expect(try fixture.refusal(of: CommandFixture.payload(ahead)) == nil)
  }

  @Test func `refuses a member that is given twice`() throws {
    let twice = Array(
      String(decoding: CommandFixture.payload(), as: UTF8.self)
        .replacingOccurrences(of: #""do":"silence""#, with: #""do":"report","with":{}"#).utf8)
    // The whole text is refused, before the id is believed.
    let text = try fixture.sign(twice)
    #expect(throws: CommandNeglect.unreadable) { try fixture.judge.verify(text, isRetained: false) }
  }

  @Test func `refuses the right of another authority`() throws {
    let text = try JSONWebSignature.sign(
      CommandFixture.payload(), type: CommandJudge.type, keyIdentifier: "lists-2026", with: fixture.other)
    let command = try fixture.judge.verify(text, isRetained: false)
    let error = #expect(throws: CommandRejection.self) {
      try fixture.judge.judge(command, at: CommandFixture.now, needsBoot: false)
    }
    #expect(error?.word == "without_right")
  }

  // MARK: The boot

  @Test func `asks for the boot where replays could not be told, and takes the right one`() throws {
    #expect(try fixture.refusal(of: CommandFixture.payload(), needsBoot: true) == "boot_needed")
    let named = CommandFixture.payload(["boot": CommandFixture.boot])
    #expect(try fixture.refusal(of: named, needsBoot: true) == nil)
    #expect(try fixture.refusal(of: named, needsBoot: false) == nil)
  }

  @Test func `without a clock judges no time, but lasting too long and the boot`() throws {
    let lost = Moment(
      monotonic: CommandFixture.now.monotonic, wall: WallTime(milliseconds: 5_000), clock: .unsynchronized)
    let named = CommandFixture.payload(["boot": CommandFixture.boot])
    #expect(try fixture.refusal(of: named, at: lost, needsBoot: true) == nil)
    #expect(try fixture.refusal(of: CommandFixture.payload(), at: lost, needsBoot: true) == "boot_needed")
    let long = CommandFixture.payload(["boot": CommandFixture.boot, "expires": "2026-11-23T15:00:00+09:00"])
    #expect(try fixture.refusal(of: long, at: lost, needsBoot: true) == "too_long")
  }

  @Test func `refuses what expired before the last that was forgotten, whatever the clock says`() throws {
    let earlier = Moment(
      monotonic: CommandFixture.now.monotonic, wall: CommandFixture.now.wall - .minutes(5), clock: .synchronized)
    let through = CommandFixture.now.wall + .minutes(10)
    let issued = ["issued": "2026-11-21T14:54:00+09:00"]
    #expect(
      try fixture.refusal(of: CommandFixture.payload(issued), at: earlier, forgottenThrough: through) == "expired")
    #expect(
      try fixture.refusal(of: CommandFixture.payload(issued), at: earlier, forgottenThrough: through - .seconds(1))
        == nil)
  }
}
