import Alerts
import Foundation
import Gateway
import Observations
import Testing

/// What each command takes with it, through the signature as it comes.
@Suite struct `What a command takes with it` {
  let fixture: CommandFixture

  init() throws {
    fixture = try CommandFixture(rights: Set(CommandRequest.Verb.allCases.map(\.rawValue)))
  }

  private func request(_ verb: String, _ with: String) throws -> CommandRequest? {
    // As text: what is written twice or oddly stays so.
    let payload = Array(
      String(decoding: CommandFixture.payload(["do": verb, "with": "HERE"]), as: UTF8.self)
        .replacingOccurrences(of: #""HERE""#, with: with).utf8)
    let command = try fixture.judge.verify(try fixture.sign(payload), isRetained: false)
    return try? fixture.judge.judge(command, at: CommandFixture.now, needsBoot: false).request
  }

  static let end = #""end":"2026-11-21T16:00:00+09:00""#
  static let subject = "7f3a9c52e1b84d0f9a61c2d3"
  static let tag = String(repeating: "0f", count: 32)

  @Test(
    arguments: [
      ("acknowledge", #"{"alert":"kakogawa-042/01J",\#(end)}"#),
      ("acknowledge", #"{"alert":"kakogawa-042/01J","cause":"false_alarm",\#(end)}"#),
      ("silence", "{\(end)}"), ("silence", #"{"output":"siren","stop":true}"#),
      ("exercise", #"{"sensor":"river-1","value":4.2,\#(end)}"#),
      ("exercise", #"{"sensor":"river-1","readings":[{"value":1},{"after_s":600,"value":4.25}],"siren":true,\#(end)}"#),
      ("test", #"{"sensor":"river-1","stop":true}"#), ("exercise", #"{"stop":true}"#),
      ("maintenance", "{\(end)}"), ("maintenance", #"{"sensors":["river-1","rain-1"],\#(end)}"#),
      ("maintenance", #"{"stop":true}"#),
      ("search", #"{"subject":"\#(subject)","case":"2026-117",\#(end)}"#),
      ("search", #"{"tag":"\#(tag)","tag_kid":"2026-11","subject":"\#(subject)","person":"elder","case":"1",\#(end)}"#),
      ("report", "{}"), ("reload", "{}"),
    ])
  func `is taken`(verb: String, with: String) throws {
    #expect(try request(verb, with) != nil)
  }

  @Test(
    arguments: [
      ("acknowledge", "{\(end)}"), ("acknowledge", #"{"alert":"a"}"#), ("acknowledge", #"{"alert":"",\#(end)}"#),
      ("acknowledge", #"{"alert":"a","stop":true}"#), ("acknowledge", #"{"alert":"a","cause":"False alarm",\#(end)}"#),
      ("acknowledge", #"{"alert":"a","cause":"",\#(end)}"#), ("acknowledge", #"{"alert":"a","cause":true,\#(end)}"#),
      ("silence", "{}"), ("silence", #"{"stop":false}"#), ("silence", #"{"output":"Siren",\#(end)}"#),
      ("silence", #"{"output":null,\#(end)}"#), ("silence", #"{"end":"16:00"}"#), ("silence", #"{"end":1600}"#),
      ("exercise", #"{"sensor":"river-1",\#(end)}"#),
      ("exercise", #"{"value":4.2,\#(end)}"#),
      ("exercise", #"{"sensor":"river-1","value":"4.2",\#(end)}"#),
      ("exercise", #"{"sensor":"river-1","value":4.2,"readings":[{"value":1}],\#(end)}"#),
      ("exercise", #"{"sensor":"river-1","readings":[],\#(end)}"#),
      ("exercise", #"{"sensor":"river-1","readings":[{"after_s":0.5,"value":1}],\#(end)}"#),
      ("exercise", #"{"sensor":"river-1","readings":[{"after_s":-1,"value":1}],\#(end)}"#),
      ("exercise", #"{"sensor":"river-1","readings":[{"value":1,"unit":"m"}],\#(end)}"#),
      ("exercise", #"{"sensor":"river-1","value":4.2,"siren":1,\#(end)}"#),
      ("exercise", #"{"sensor":"river-1","value":4.2,"stop":true}"#),
      ("maintenance", #"{"sensors":[],\#(end)}"#), ("maintenance", #"{"sensors":["a","a"],\#(end)}"#),
      ("maintenance", #"{"sensor":"river-1",\#(end)}"#),
      ("search", #"{"subject":"\#(subject)",\#(end)}"#), ("search", #"{"subject":"taro","case":"1",\#(end)}"#),
      ("search", #"{"tag":"e2c5","subject":"\#(subject)","case":"1",\#(end)}"#),
      ("search", #"{"tag_kid":"2026-11","subject":"\#(subject)","case":"1",\#(end)}"#),
      ("search", #"{"subject":"\#(subject)","case":"line\nfeed",\#(end)}"#),
      ("search", #"{"subject":"\#(subject)","case":"1","person":"dog",\#(end)}"#),
      ("report", #"{"now":true}"#), ("reload", "{\(end)}"),
    ])
  func `is refused when something is missing, wrong or left over`(verb: String, with: String) throws {
    #expect(try request(verb, with) == nil)
  }

  @Test func `keeps the readings of an exercise in their order`() throws {
    let with = #"{"sensor":"river-1","readings":[{"value":1.5},{"after_s":60,"value":-0.25}],\#(Self.end)}"#
    guard case .rehearse(let rehearsal) = try request("exercise", with) else {
      Issue.record("no exercise")
      return
    }
    #expect(rehearsal.readings.map(\.value) == [1.5, -0.25])
    #expect(rehearsal.readings.map(\.afterSeconds) == [0, 60])
    #expect(rehearsal.mode == .exercise)
    #expect(!rehearsal.soundsSiren)
  }

  @Test func `is written by the signer as it is read by the judge`() throws {
    let signer = CommandSigner(key: fixture.key, keyIdentifier: "bousai-2026")
    let scope = CommandSigner.Scope(
      id: nil, root: "mimamori/282103", addressees: ["kakogawa-042"], issued: CommandFixture.now.wall,
      lasting: .minutes(10), boot: nil)
    let key = try #require(TagKey(bytes: Array(0..<32)))
    let tag = try CommandSigner.Tag(
      "ibeacon:e2c56db5dffb48d2b060d0f5a71096e003e90007", key: key, keyIdentifier: "2026-11")
    let text = try signer.sign(
      .search, with: Array(#"{"subject":"\#(Self.subject)","case":"2026-117"}"#.utf8), lastingFor: .hours(2), tag: tag,
      for: scope)
    // The tag in the clear is nowhere in it.
    let payload = try #require(text.split(separator: UInt8(ascii: ".")).dropFirst().first)
    let clear = String(decoding: try #require(Base64URL.decode(array: Array(payload))), as: UTF8.self)
    #expect(!clear.contains("e2c56db5"))
    let command = try fixture.judge.verify(text, isRetained: false)
    let accepted = try fixture.judge.judge(command, at: CommandFixture.now, needsBoot: false)
    guard case .search(let search) = accepted.request else {
      Issue.record("no search")
      return
    }
    // The vector of the contract.
    #expect(search.tag?.hex == "4bf5b741cefc52ec73268f6e824eafaec857fd4acef1a1f49d04ce2a42d630b6")
    #expect(search.end == CommandFixture.now.wall + .hours(2))
    #expect(search.tagKeyIdentifier == "2026-11")
    #expect(command.id.utf8.count == 24)
  }
}
