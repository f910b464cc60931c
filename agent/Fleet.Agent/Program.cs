using Fleet.Agent.Inference;

return args switch
{
    ["infer-host", .. var rest] => await InferenceHostProgram.RunAsync(rest, CancellationToken.None),
    _ => 2,
};
