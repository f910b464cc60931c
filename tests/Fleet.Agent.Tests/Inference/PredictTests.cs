using System.Globalization;
using System.Text.RegularExpressions;
using Fleet.Agent.Inference;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.Contracts.Tasks;

namespace Fleet.Agent.Tests.Inference;

/// <summary>Applications ask with what they have, such as a row of a table, and are answered in the words of the task.</summary>
/// <remarks>One host for all of these tests: each swaps its own model in.</remarks>
public sealed partial class PredictTests(ProtocolTests.SharedHost host) : IClassFixture<ProtocolTests.SharedHost>
{
    private static readonly TablePlan People = new([
        new TableColumn { Name = "age", Kind = TableColumnKind.Number, Mean = 40, TellsMissing = true },
        new TableColumn { Name = "work", Kind = TableColumnKind.Category, Words = ["private", "state"] },
    ]);

    private readonly HostFixture _fixture = host.Fixture;

    [Fact]
    public async Task Row_is_made_a_sample_as_in_training_and_a_gap_is_what_it_was_there()
    {
        await ServeAsync(Identity(People, 4), ModelTask.Outputs);
        var (status, body) = await _fixture.PredictAsync("""
            {"instances":[{"age":39,"work":"state","id":7},{"work":"private","age":null},{"age":"41.5","work":"navy"},
              {"age":"?","work":""}]}
            """);
        Assert.True(status == 200, body.ToJsonString());
        Assert.Equal(
            """[{"outputs":{"y":[39,0,0,1]}},{"outputs":{"y":[40,1,1,0]}},{"outputs":{"y":[41.5,0,0,0]},"unknown":["work"]},"""
                + """{"outputs":{"y":[40,1,0,0]}}]""", body["predictions"]!.ToJsonString());
        Assert.Equal("m 1", $"{body["model_name"]} {body["model_version"]}");
        Assert.Equal("""{"kind":"row","columns":[{"name":"age","kind":"number"},"""
            + """{"name":"work","kind":"category","words":["private","state"]}]}""",
            (await _fixture.GetAsync("/v2/models/m")).Body["parameters"]!["instance"]!.ToJsonString());
    }

    [Theory]
    [InlineData("""{"instances":[{"age":39}]}""",
        "Instance 0 (counted from 0): it has no value for 'work'; give null where it is not known.")]
    [InlineData("""{"instances":[{"age":39,"work":"state"},{"age":"old","work":"state"}]}""",
        "Instance 1 (counted from 0): column 'age' holds 'old', which is not a number.")]
    [InlineData("""{"instances":[{"age":[39],"work":"state"}]}""",
        "Instance 0 (counted from 0): column 'age' holds a list or an object; give a number, a word or null.")]
    [InlineData("""{"instances":[{"age":39,"age":40,"work":"state"}]}""", "Instance 0 (counted from 0): column 'age' is in it twice.")]
    [InlineData("""{"instances":[[39,"state"]]}""",
        """it must be an object with a key for each column ('age', 'work'), as {"age": 1.5, "work": "private"}.""")]
    [InlineData("""{"instances":[]}""", "instances is empty: give at least one.")]
    [InlineData("""{"rows":[]}""", """The request must be an object with a list: {"instances": [...]}.""")]
    [InlineData("""[1]""", """The request must be an object with a list: {"instances": [...]}.""")]
    [InlineData("""{"instances":""", "The request is not JSON:")]
    [InlineData("""{"\ud800abcdef":1}""", "The request has a key that is not UTF-8.")]
    public async Task Row_that_is_none_of_the_table_is_refused_by_name(string request, string message)
    {
        await ServeAsync(Identity(People, 4), ModelTask.Outputs);
        var (status, body) = await _fixture.PredictAsync(request);
        Assert.Equal(400, status);
        Assert.Contains(message, (string)body["error"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ModelTask.Classification, """{"class":"c","probability":0.66524,"probabilities":{"a":0.09003,"b":0.24473,"c":0.66524}}""")]
    [InlineData(ModelTask.MultiLabel, """{"labels":["b","c"],"probabilities":{"a":0.5,"b":0.73106,"c":0.8808}}""")]
    [InlineData(ModelTask.Regression, """{"values":[0,1,2]}""")]
    public async Task Answer_is_in_the_words_of_the_task(ModelTask task, string prediction)
    {
        await ServeAsync(TestModels.Scale(_fixture.Folder, 1), task, task == ModelTask.Regression ? [] : ["a", "b", "c"]);
        var (status, body) = await _fixture.PredictAsync("""{"instances":[[0,1,2]]}""");
        Assert.True(status == 200, body.ToJsonString());
        Assert.Equal(prediction, Numbers().Replace(body["predictions"]![0]!.ToJsonString(),
            number => float.Parse(number.Value, CultureInfo.InvariantCulture).ToString("0.#####", CultureInfo.InvariantCulture)));
        Assert.Contains("holds \"one\" where a number is needed",
            (string)(await _fixture.PredictAsync("""{"instances":[[0,"one",2]]}""")).Body["error"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Score_is_told_with_its_threshold_and_what_follows()
    {
        var model = new OnnxFile().Input("x", OnnxType.Float, -1, 1).Output("score", OnnxType.Float, -1, 1)
            .Node("Identity", ["x"], ["score"]).Save(Path.Combine(_fixture.Folder, "score.onnx"));
        await ServeAsync(model, ModelTask.Anomaly, "normal", "anomaly");
        var (status, body) = await _fixture.PredictAsync("""{"instances":[[0.25],[1],[1.5]]}""");
        Assert.True(status == 200, body.ToJsonString());
        Assert.Equal("""[{"score":0.25,"anomaly":false,"threshold":1},{"score":1,"anomaly":false,"threshold":1},"""
            + """{"score":1.5,"anomaly":true,"threshold":1}]""", body["predictions"]!.ToJsonString());
    }

    [Fact]
    public async Task File_whose_form_is_malformed_or_not_of_its_input_is_refused_and_one_of_a_later_version_serves_tensors()
    {
        async Task<string> Refusal(string form) => (await Assert.ThrowsAsync<ActivationException>(
            () => ServeAsync(Identity(form, 4), ModelTask.Outputs))).Message;
        Assert.Contains("fleet.input is not an input form", await Refusal("{"), StringComparison.Ordinal);
        Assert.Contains("The file says how 4 values of a sample are made, and its input is 'x' FP32 [-1,3].",
            (await Assert.ThrowsAsync<ActivationException>(() => ServeAsync(Identity(People, 3), ModelTask.Outputs))).Message,
            StringComparison.Ordinal);

        await ServeAsync(Identity("""{"version":3,"table":{"columns":[]}}""", 4), ModelTask.Outputs);
        var (status, body) = await _fixture.PredictAsync("""{"instances":[{"age":39,"work":"state"}]}""");
        Assert.Equal(400, status);
        Assert.Contains("rules of version 3, which this agent does not know (it knows those up to 2): update the agent",
            (string)body["error"]!, StringComparison.Ordinal);
        const string Tensor = """{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}""";
        Assert.Equal(200, (await _fixture.InferAsync(Tensor)).Status);
    }

    [Fact]
    public async Task Whole_numbers_stay_what_they_are()
    {
        await ServeAsync(TestModels.Identity(_fixture.Folder, OnnxType.Int64), ModelTask.Outputs);
        var (status, body) = await _fixture.PredictAsync("""{"instances":[[16777217,-9007199254740993]]}""");
        Assert.True(status == 200, body.ToJsonString());
        Assert.Equal("""{"outputs":{"y":[16777217,-9007199254740993]}}""", body["predictions"]![0]!.ToJsonString());
        foreach (var number in (string[])["1.9", "1e30", "9223372036854775808", "\"1\""])
        {
            (status, body) = await _fixture.PredictAsync($$"""{"instances":[[1,{{number}}]]}""");
            Assert.Equal(400, status);
            Assert.Equal($"Instance 0 (counted from 0): it holds {number} where a whole number of 64 bits is needed.",
                (string)body["error"]!);
        }
    }

    [GeneratedRegex(@"\d+\.\d+")]
    private static partial Regex Numbers();

    private Task ServeAsync(string path, ModelTask task, params string[] classes) => _fixture.Host.ActivateAsync(
        [HostFixture.Model(path, 1, "m", classes) with { Task = task }], CancellationToken.None);

    private string Identity(TablePlan plan, int width) => Identity(new InputForm { Table = plan }.Write(), width);

    private string Identity(string form, int width) => new OnnxFile()
        .Input("x", OnnxType.Float, -1, width)
        .Output("y", OnnxType.Float, -1, width)
        .Node("Identity", ["x"], ["y"])
        .Metadata(InputForm.Key, form)
        .Save(Path.Combine(_fixture.Folder, $"form-{Guid.NewGuid():n}.onnx"));
}
