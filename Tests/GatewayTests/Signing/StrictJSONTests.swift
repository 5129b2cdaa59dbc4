import Gateway
import Testing

@Suite struct `Strict JSON` {
  struct Person: Decodable, Equatable {
    var name: String
    var age: Int?
  }

  @Test(arguments: [
    #"{}"#, #" [ 1 , -2.5e3 , true , false , null , "" ] "#, #"{"a":{"b":[{"c":"\u00e9\\\"\n"}]}}"#, #"{"a":1,"A":2}"#,
    #""text""#, #"{"備考":"あ","備":1}"#, #"[[[[[[[[]]]]]]]]"#,
  ])
  func `takes what has one meaning`(text: String) throws {
    try StrictJSON.check(Array(text.utf8))
  }

  @Test(arguments: [
    (#"{"a":1,"a":2}"#, "given twice"), (#"{"a":1,"\u0061":2}"#, "given twice"),
    (#"[{"x":{"a":1,"b":2,"a":3}}]"#, "given twice"), (#"{"\ud83d\ude00":1,"😀":2}"#, "given twice"),
    (#"[[[[[[[[[]]]]]]]]]"#, "levels deep"), (#"{} {}"#, "follows"), (#"{}x"#, "follows"), ("", "missing"),
    (#"{"a"}"#, "colon"), (#"{"a":}"#, "missing"), (#"{"a":1"#, "not closed"), (#"[1"#, "not closed"),
    (#"["a"#, "not closed"), (#"{a:1}"#, "name is missing"), (#"["\x41"]"#, "escape"), (#"["\u12g4"]"#, "escape"),
    ("[\"a\nb\"]", "control character"), (#"{"a":1,}"#, "name is missing"), (#"nul"#, "missing"),
    (#"["\"#, "not closed"),
  ])
  func `refuses anything else and says where`(text: String, problem: String) {
    let error = #expect(throws: StrictJSONError.self) { try StrictJSON.check(Array(text.utf8)) }
    #expect(error?.description.contains(problem) == true, "\(error?.description ?? "")")
    #expect(error?.description.hasPrefix("byte ") == true)
  }

  @Test func `refuses bytes that are not UTF-8`() {
    #expect(throws: StrictJSONError.self) { try StrictJSON.check([0x22, 0xFF, 0x22]) }
  }

  @Test func `names what is missing or of the wrong kind without its value`() throws {
    #expect(try StrictJSON.decode(Person.self, from: Array(#"{"name":"x","new":[]}"#.utf8)) == Person(name: "x"))
    let missing = #expect(throws: StrictJSONError.self) {
      try StrictJSON.decode([Person].self, from: Array(#"[{"age":7}]"#.utf8))
    }
    #expect(missing?.description == "[0].name is missing")
    let wrong = #expect(throws: StrictJSONError.self) {
      try StrictJSON.decode(Person.self, from: Array(#"{"name":"x","age":"secret"}"#.utf8))
    }
    #expect(wrong?.description == "age is of the wrong kind")
  }

  @Test func `never traps on any bytes`() {
    var generator = SplitMix(state: 7)
    let alphabet = Array(#"{}[]",:\u0a1 -.eEtruefalsn"#.utf8) + [0, 0x80, 0xFF]
    var refused = 0
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0...30, using: &generator)).map { _ in alphabet.randomElement(using: &generator)!
      }
      do { try StrictJSON.check(bytes) } catch { refused += 1 }
    }
    #expect(refused > 10_000)
  }
}
