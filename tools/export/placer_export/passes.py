"""Changes to an exported program before and after its backward pass is added."""


def merge_tied(program, module, copy_signature):
    """Make each parameter or buffer that `module` holds under several names one input, under its first name.

    torch.export lists all the names and reads one of them; the others would look like weights that nobody uses, and
    the backward pass refuses them.
    """
    first_name, aliases = {}, {}
    for named in (module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False)):
        for name, tensor in named:
            first = first_name.setdefault(id(tensor), name)
            if first != name:
                aliases[name] = first
    if not aliases:
        return program
    graph_module, signature = copy_signature(program)
    nodes = {node.name: node for node in graph_module.graph.nodes if node.op == "placeholder"}
    inputs = {spec.target: nodes[spec.arg.name] for spec in signature.input_specs if spec.target is not None}
    removed = set()
    for name, first in aliases.items():
        if name in inputs and first in inputs:
            inputs[name].replace_all_uses_with(inputs[first])
            graph_module.graph.erase_node(inputs[name])
            removed.add(name)
    graph_module.recompile()
    return program._update(
        graph_module,
        type(signature)([spec for spec in signature.input_specs if spec.target not in removed], signature.output_specs),
        state_dict={name: tensor for name, tensor in program.state_dict.items() if name not in removed})


def freeze_without_gradient(torch, program):
    """Mark parameters that the loss, output 0 of the traced forward pass, does not depend on; returns their names.

    In eager mode such a parameter's .grad stays None and the optimizer leaves it alone. Only shapes are computed here.
    """
    inputs = [node for node in program.graph.nodes if node.op == "placeholder"]
    values = [node.meta["val"] for node in inputs]
    names = {spec.arg.name: spec.target for spec in program.graph_signature.input_specs if spec.target is not None}
    trained = [(names[node.name], value) for node, value in zip(inputs, values)
               if node.name in names and isinstance(value, torch.Tensor) and value.requires_grad]
    fake_mode = next((value.fake_mode for _, value in trained if hasattr(value, "fake_mode")), None)
    if fake_mode is None:
        return []
    with fake_mode, torch.enable_grad():
        loss = program.graph_module(*values)[0]
        if not loss.requires_grad:
            return [name for name, _ in trained]
        gradients = torch.autograd.grad(loss, [value for _, value in trained], allow_unused=True)
    frozen = []
    for (name, value), gradient in zip(trained, gradients):
        if gradient is None:
            value.requires_grad_(False)
            frozen.append(name)
    return frozen


def drop_no_ops(torch, program, copy_signature):
    """Remove aten.detach, which only renames a tensor once the backward pass is written out, and the tracer's assertions."""
    aten = torch.ops.aten
    graph_module, signature = copy_signature(program)
    with graph_module._set_replace_hook(signature.get_replace_hook()):
        for node in list(graph_module.graph.nodes):
            if node.op != "call_function":
                continue
            if node.target is aten.detach.default:
                node.replace_all_uses_with(node.args[0])
                graph_module.graph.erase_node(node)
            elif node.target is aten._assert_tensor_metadata.default and not node.users:
                graph_module.graph.erase_node(node)
    graph_module.graph.eliminate_dead_code()
    graph_module.recompile()
    return program._update(graph_module, signature)
