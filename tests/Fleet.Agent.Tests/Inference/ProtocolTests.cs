using System.Buffers.Binary;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Fleet.Contracts;
using Fleet.Contracts.Tensors;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Inference;

/// <summary>The Open Inference Protocol v2 as an application on the device sees it.</summary>
/// <remarks>One host for all of these tests: each swaps its own model in.</remarks>
public sealed class ProtocolTests(ProtocolTests.SharedHost host) : IClassFixture<ProtocolTests.SharedHost>
{
    private readonly HostFixture _fixture = host.Fixture;

    [Fact]
    public async Task Host_describes_itself_and_what_it_serves()
    {
        await _fixture.ActivateAsync(TestModels.Scale(_fixture.Folder, 2), version: 7, classes: ["low", "mid", "high"]);

        Assert.Equal("""{"live":true}""", (await _fixture.GetAsync("/v2/health/live")).Body.ToJsonString());
        Assert.Equal("""{"ready":true}""", (await _fixture.GetAsync("/v2/health/ready")).Body.ToJsonString());
        Assert.Equal("fleet-agent", (string?)(await _fixture.GetAsync("/v2")).Body["name"]);
        var expected = JsonNode.Parse("""
            {"name":"m","versions":["7"],"platform":"onnxruntime_onnx",
             "inputs":[{"name":"x","datatype":"FP32","shape":[-1,3]}],"outputs":[{"name":"y","datatype":"FP32","shape":[-1,3]}],
             "parameters":{"variant":"x64-fp32","classes":["low","mid","high"]}}
            """);
        Assert.True(JsonNode.DeepEquals(expected, (await _fixture.GetAsync("/v2/models/m")).Body));
        Assert.True(JsonNode.DeepEquals(expected, (await _fixture.GetAsync("/v2/models/m/versions/7")).Body));
        Assert.Equal(200, (await _fixture.GetAsync("/v2/models/m/versions/7/ready")).Status);
        Assert.Equal((404, "Model 'm' is served in version 7, not in '6'."),
            Error(await _fixture.GetAsync("/v2/models/m/versions/6/ready")));
        Assert.Equal((404, "Model 'other' is not served on this device."), Error(await _fixture.GetAsync("/v2/models/other")));
        Assert.Equal(404, (await _fixture.GetAsync("/metrics")).Status);
    }

    [Theory]
    [InlineData("""{"id":"a","inputs":[{"name":"x","shape":[2,3],"datatype":"FP32","data":[1,2,3,4,5,6]}]}""", "flat")]
    [InlineData("""{"inputs":[{"name":"x","shape":[2,3],"datatype":"FP32","data":[[1,2,3],[4,5,6]]}]}""", "nested")]
    [InlineData("""{"inputs":[{"data":[[1,2,3],[4,5,6]],"datatype":"FP32","shape":[2,3],"name":"x"}]}""",
        "data before everything that tells how to read it")]
    [InlineData("""{"outputs":[{"name":"y"}],"parameters":{"unknown":{"a":[1]}},"inputs":[{"name":"x","shape":[2,3]"""
        + ""","datatype":"FP32","parameters":{"b":1},"data":[1,2,3,4,5,6]}],"more":null}""", "keys it does not know")]
    public async Task Request_is_answered(string request, string form)
    {
        await _fixture.ActivateAsync(TestModels.Scale(_fixture.Folder, 2));
        var (status, body) = await _fixture.InferAsync(request);
        Assert.True(status == 200, $"{form}: {body}");
        Assert.Equal("""[{"name":"y","datatype":"FP32","shape":[2,3],"data":[2,4,6,8,10,12]}]""", body["outputs"]!.ToJsonString());
        Assert.Equal("m 1", $"{body["model_name"]} {body["model_version"]}");
        Assert.Equal(request.Contains("\"id\"", StringComparison.Ordinal) ? "a" : null, (string?)body["id"]);
    }

    [Theory]
    [InlineData("""{"inputs":[{"name":"z","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}""",
        "The model has no input 'z'; it takes 'x' FP32 [-1,3].")]
    [InlineData("""{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}""",
        "Input 'x' has shape [1,4]; the model takes 'x' FP32 [-1,3].")]
    [InlineData("""{"inputs":[{"name":"x","shape":[3],"datatype":"FP32","data":[1,2,3]}]}""",
        "Input 'x' has shape [3]; the model takes 'x' FP32 [-1,3].")]
    [InlineData("""{"inputs":[{"name":"x","shape":[1,3],"datatype":"INT64","data":[1,2,3]}]}""",
        "Input 'x' has datatype INT64; the model takes 'x' FP32 [-1,3].")]
    [InlineData("""{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2]}]}""",
        "Data of input 'x' has 2 elements; its shape [1,3] needs 3.")]
    [InlineData("""{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3,4]}]}""",
        "Data of input 'x' has more than the 3 elements of its shape [1,3].")]
    [InlineData("""{"inputs":[{"name":"x","shape":[2,3],"datatype":"FP32","data":[[1,2,3,4],[5,6]]}]}""",
        "Data of input 'x' has a row of 4 along axis 1, but its shape [2,3] says 3.")]
    [InlineData("""{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[[[1,2,3]]]}]}""",
        "Data of input 'x' nests deeper than its shape [1,3].")]
    [InlineData("""{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,"two",3]}]}""",
        "Data of input 'x' holds 'two' at element 1, which is not FP32.")]
    [InlineData("""{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,1e60,3]}]}""",
        "Data of input 'x' holds '1e60' at element 1, which is not FP32.")]
    [InlineData("""{"inputs":[{"name":"x","shape":[999999999,3],"datatype":"FP32","data":[1]}]}""", "more elements than a request of")]
    [InlineData("""{"inputs":[{"name":"x","shape":[-1,3],"datatype":"FP32","data":[1]}]}""",
        "shape must hold whole numbers that are not negative.")]
    [InlineData("""{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32"}]}""", "Input 'x' has neither data nor binary_data_size.")]
    [InlineData("""{"inputs":[{"shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}""", "An entry of inputs has no name.")]
    [InlineData("""{"inputs":[{"name":"x","datatype":"FP32","data":[1,2,3]}]}""", "Input 'x' has no shape.")]
    [InlineData("""{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]},{"name":"x","shape":[1,3]"""
        + ""","datatype":"FP32","data":[1,2,3]}]}""", "Input 'x' is given twice.")]
    [InlineData("""{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]}],"outputs":[{"name":"z"}]}""",
        "The model has no output 'z'; it has 'y' FP32 [-1,3].")]
    [InlineData("""{"inputs":[]}""", "Input 'x' FP32 [-1,3] is missing.")]
    [InlineData("""{"inputs":{}}""", "inputs must be an array, not an object.")]
    [InlineData("""{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2""", "The request is not valid JSON")]
    [InlineData("""[]""", "The request must be an object, not an array.")]
    [InlineData("", "The request is not valid JSON")]
    public async Task Request_that_does_not_fit_is_refused_with_what_came_and_what_is_expected(string request, string sentence)
    {
        await _fixture.ActivateAsync(TestModels.Scale(_fixture.Folder, 2));
        await _fixture.Host.DrainAsync(CancellationToken.None);
        var (status, error) = Error(await _fixture.InferAsync(request));
        Assert.Equal(400, status);
        Assert.Contains(sentence, error, StringComparison.Ordinal);
        Assert.Equal(1, Assert.Single(await _fixture.Host.DrainAsync(CancellationToken.None)).Errors);
    }

    [Theory]
    [InlineData(OnnxType.Float, "FP32", "[1.5,-2.25]")]
    [InlineData(OnnxType.Double, "FP64", "[1.1,-2.2]")]
    [InlineData(OnnxType.Float16, "FP16", "[1.5,-2.25]")]
    [InlineData(OnnxType.Int8, "INT8", "[127,-128]")]
    [InlineData(OnnxType.Int16, "INT16", "[32767,-32768]")]
    [InlineData(OnnxType.Int32, "INT32", "[2147483647,-2147483648]")]
    [InlineData(OnnxType.Int64, "INT64", "[9223372036854775807,-9223372036854775808]")]
    [InlineData(OnnxType.UInt8, "UINT8", "[0,255]")]
    [InlineData(OnnxType.UInt16, "UINT16", "[0,65535]")]
    [InlineData(OnnxType.UInt32, "UINT32", "[0,4294967295]")]
    [InlineData(OnnxType.UInt64, "UINT64", "[0,18446744073709551615]")]
    [InlineData(OnnxType.Bool, "BOOL", "[true,false]")]
    [InlineData(OnnxType.String, "BYTES", "[\"gr\\u00FCn\",\"\"]")]
    public async Task Every_datatype_survives_the_way_there_and_back_as_JSON_and_as_binary_data(object type, string datatype, string data)
    {
        await _fixture.ActivateAsync(TestModels.Identity(_fixture.Folder, (OnnxType)type));
        var request = $$"""{"inputs":[{"name":"x","shape":[1,2],"datatype":"{{datatype}}","data":{{data}}}]""";
        Assert.Equal(data, (await _fixture.InferAsync(request + "}")).Body["outputs"]![0]!["data"]!.ToJsonString());

        // The binary answer to the JSON request is sent again as a binary request: the two forms must mean the same.
        var (json, bytes) = await InferBinaryAsync(request + ""","parameters":{"binary_data_output":true}}""", []);
        Assert.Equal(bytes.Length, (int)json["outputs"]![0]!["parameters"]!["binary_data_size"]!);
        var binary = $$$"""{"inputs":[{"name":"x","shape":[1,2]"""
            + $$$""","datatype":"{{{datatype}}}","parameters":{"binary_data_size":{{{bytes.Length}}}}}]"""
            + $$$""","outputs":[{"name":"y","parameters":{"binary_data":false}}]}""";
        Assert.Equal(data, (await InferBinaryAsync(binary, bytes)).Json["outputs"]![0]!["data"]!.ToJsonString());
    }

    [Fact]
    public async Task Binary_data_that_does_not_fit_is_refused()
    {
        await _fixture.ActivateAsync(TestModels.Scale(_fixture.Folder, 2));
        const string Request = """{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","parameters":{"binary_data_size":12}}]}""";
        Assert.Contains("binary_data_size 12, but 8 bytes", (string?)(await InferBinaryAsync(Request, new byte[8])).Json["error"],
            StringComparison.Ordinal);
        Assert.Contains("4 bytes of binary data are left over",
            (string?)(await InferBinaryAsync(Request, new byte[16])).Json["error"], StringComparison.Ordinal);
        Assert.Contains("needs 12",
            (string?)(await InferBinaryAsync(Request.Replace("12", "8", StringComparison.Ordinal), new byte[8])).Json["error"],
            StringComparison.Ordinal);
        Assert.Contains("the body has", (string?)(await InferBinaryAsync(Request, new byte[12], jsonLength: 9999)).Json["error"],
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Strings_as_binary_data_carry_their_length_in_four_bytes()
    {
        await _fixture.ActivateAsync(TestModels.Identity(_fixture.Folder, OnnxType.String));
        byte[] data = [2, 0, 0, 0, (byte)'h', (byte)'i', 0, 0, 0, 0];
        var request = $$$"""{"inputs":[{"name":"x","shape":[1,2]"""
            + $$$""","datatype":"BYTES","parameters":{"binary_data_size":{{{data.Length}}}}}]}""";
        Assert.Equal("""["hi",""]""", (await InferBinaryAsync(request, data)).Json["outputs"]![0]!["data"]!.ToJsonString());
        data[0] = 200;
        Assert.Contains("ends inside element 0", (string?)(await InferBinaryAsync(request, data)).Json["error"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Value_that_JSON_has_no_word_for_is_an_error_and_is_there_as_binary_data()
    {
        await _fixture.ActivateAsync(TestModels.Scale(_fixture.Folder, float.MaxValue));
        const string Inputs = """{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[9,9,9]}]""";
        var (status, error) = Error(await _fixture.InferAsync(Inputs + "}"));
        Assert.Equal(500, status);
        Assert.Contains("Output 'y' holds", error, StringComparison.Ordinal);
        var (_, bytes) = await InferBinaryAsync(Inputs + ""","outputs":[{"name":"y","parameters":{"binary_data":true}}]}""", []);
        Assert.Equal(float.PositiveInfinity, BinaryPrimitives.ReadSingleLittleEndian(bytes));
    }

    [Fact]
    public async Task Request_at_the_limit_is_read_and_one_byte_more_is_refused()
    {
        await _fixture.ActivateAsync(TestModels.Scale(_fixture.Folder, 2));
        const string Request = """{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}""";
        Assert.Equal(200, (await _fixture.InferAsync(Request.PadRight(Limits.InferenceRequestBytes))).Status);
        var (status, error) = Error(await _fixture.InferAsync(Request.PadRight(Limits.InferenceRequestBytes + 1)));
        Assert.Equal((413, $"The request is larger than the {Limits.InferenceRequestBytes:N0} bytes allowed."), (status, error));
    }

    [Fact(Skip = SharedData.Absent, SkipUnless = nameof(SharedData.IsPresent), SkipType = typeof(SharedData))]
    public async Task Real_model_gives_its_golden_outputs()
    {
        var folder = SharedData.PathOf("onnx-deeploy", "hist-MCUNet");
        await _fixture.ActivateAsync(Path.Combine(folder, "network.onnx"));
        var input = Npz(Path.Combine(folder, "inputs.npz"));
        var golden = Npz(Path.Combine(folder, "outputs.npz")).ToSingles();

        var data = string.Join(',', input.ToSingles().Select(value => value.ToString("R", CultureInfo.InvariantCulture)));
        var (_, json) = await _fixture.InferAsync(
            $$"""{"inputs":[{"name":"input","shape":[1,3,96,96],"datatype":"FP32","data":[{{data}}]}]}""");
        var outputs = json["outputs"]![0]!["data"]!.AsArray().Select(value => (float)value!).ToArray();
        Assert.Equal(golden.Length, outputs.Length);
        Assert.All(golden.Zip(outputs), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));

        static NpyArray Npz(string path)
        {
            using var file = File.OpenRead(path);
            return Assert.Single(NpzArchive.Read(file, 10_000_000)).Value;
        }
    }

    private static (int Status, string Error) Error((int Status, JsonNode Body) answer)
        => (answer.Status, (string?)answer.Body["error"] ?? "");

    private async Task<(JsonNode Json, byte[] Binary)> InferBinaryAsync(string json, byte[] binary, int? jsonLength = null)
    {
        var head = Encoding.UTF8.GetBytes(json);
        using var content = new ByteArrayContent([.. head, .. binary]);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        content.Headers.Add("Inference-Header-Content-Length", $"{jsonLength ?? head.Length}");
        using var response = await _fixture.PostAsync(content);
        var body = await response.Content.ReadAsByteArrayAsync();
        var length = response.Headers.TryGetValues("Inference-Header-Content-Length", out var values)
            ? int.Parse(values.Single(), CultureInfo.InvariantCulture)
            : body.Length;
        return (JsonNode.Parse(body.AsSpan(0, length))!, body[length..]);
    }

    /// <summary>The host.</summary>
    public sealed class SharedHost : IAsyncLifetime
    {
        internal HostFixture Fixture { get; } = new();

        /// <inheritdoc/>
        public ValueTask InitializeAsync() => ValueTask.CompletedTask;

        /// <inheritdoc/>
        public ValueTask DisposeAsync() => Fixture.DisposeAsync();
    }
}
